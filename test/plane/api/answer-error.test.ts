import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorAnswer } from '../../../src/plane/api/answer-error.ts'
import { matches, waitOf } from '../../../src/plane/api/etag.ts'
import { diskError } from '../../../src/plane/disk.ts'
import { Refusal } from '../../../src/plane/refusal.ts'

const log = { debug() {}, info() {}, warn() {}, error() {} }

test('a full disk is 507 and says so; another disk error is 500; what nobody foresaw is told without its words', () => {
  const disk = (code: string) =>
    errorAnswer(diskError(Object.assign(new Error(code), { code }), '/state'), log)
  assert.equal(disk('ENOSPC').status, 507)
  assert.equal(disk('EFBIG').status, 507)
  assert.match(disk('ENOSPC').body.message, /the disk is full; nothing older is lost/)
  assert.equal(disk('EIO').status, 500)
  const strange = errorAnswer(new Error('the password is x'), log)
  assert.equal(strange.status, 500)
  assert.doesNotMatch(strange.body.message, /password/)
  const limited = errorAnswer(new Refusal('rate-limited', 'slowly', { retryAfterMs: 1500 }), log)
  assert.deepEqual([limited.status, limited.retryAfterMs], [429, 1500])
})

test('the wait of a long poll is read from Prefer, and never longer than a minute', () => {
  const waits = ['wait=5', 'respond-async, wait=10', 'wait="7"', 'wait=3600', 'wait=-1', 'await=5', undefined]
  assert.deepEqual(waits.map(waitOf), [5000, 10_000, 7000, 60_000, 0, 0, 0])
})

test('a tag matches itself, in a list and weak too, and nothing else', () => {
  for (const known of ['"a.1"', 'W/"a.1"', '"x", "a.1"']) assert.ok(matches(known, 'a.1'))
  for (const known of [undefined, '', 'a.1', '"a.2"', '*']) assert.ok(!matches(known, 'a.1'))
})
