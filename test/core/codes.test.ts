import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CODES } from '../../src/core/codes.ts'

test('every code has an HTTP status, a gRPC status, a meaning and advice', () => {
  for (const [code, entry] of Object.entries(CODES)) {
    assert.match(code, /^TULLE_[A-Z_]+$/)
    assert.ok(entry.http >= 400 && entry.http < 600, code)
    assert.match(entry.grpc, /^[A-Z_]+$/)
    assert.match(entry.means, /\.$/)
    assert.match(entry.hint, /[.?]$/)
  }
})
