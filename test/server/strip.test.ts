import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { strip } from '../../src/server/strip.ts'

test('what is stripped is gone from every view, and what stays is untouched', () => {
  const req = {
    headers: { 'x-tulle-a': '1, 2', accept: 'a', cookie: 'c' },
    rawHeaders: ['X-Tulle-A', '1', 'Accept', 'a', 'x-tulle-a', '2', 'Cookie', 'c', '__proto__', 'p'],
  } as unknown as IncomingMessage
  strip(req, [0, 4])
  assert.deepEqual(req.headers, { accept: 'a', cookie: 'c' })
  assert.deepEqual(req.rawHeaders, ['Accept', 'a', 'Cookie', 'c', '__proto__', 'p'])
  assert.deepEqual(Object.keys(req.headersDistinct), ['accept', 'cookie', '__proto__'])
  assert.equal(Object.getPrototypeOf(req.headersDistinct), null)
})
