import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Metadata } from '@grpc/grpc-js'
import fc from 'fast-check'
import { classify, ended, pushbackOf } from '../../src/grpc/classify.ts'

const NONE = new Metadata()
const saying = (name: string, value: string): Metadata => {
  const metadata = new Metadata()
  metadata.set(name, value)
  return metadata
}
const FAILURES: Readonly<Record<number, string | undefined>> = {
  7: undefined,
  8: 'rate-limited',
  13: '5xx',
  14: 'gateway-error',
  15: '5xx',
}

test('every code has a class: five are failures, UNKNOWN is a success that is held against the endpoint', () => {
  for (let code = 0; code <= 16; code++) {
    if (code === 4) continue
    const { class: verdict, condition, penalised } = classify(code, NONE, true)
    assert.equal(verdict, code in FAILURES ? 'failure' : 'success', `code ${code}`)
    assert.equal(condition, FAILURES[code], `code ${code}`)
    assert.equal(penalised, code === 2 ? true : code === 7 ? false : undefined)
  }
  assert.equal(classify(14, NONE, true).status, 'unavailable')
  assert.equal(classify(0, NONE, true).status, undefined)
})

test('a deadline that passed over there is the fault of a peer that had a fair time, and nobody else’s', () => {
  assert.equal(classify(4, NONE, true).class, 'failure')
  assert.equal(classify(4, NONE, false).class, 'ignored')
})

test('a number that is no code is UNKNOWN, and no answer is ever committed before it was delivered', () => {
  fc.assert(
    fc.property(fc.integer(), fc.boolean(), (code, fair) => {
      const head = classify(code, NONE, fair)
      assert.equal(head.code, code >= 0 && code <= 16 ? code : 2)
      assert.equal(head.committed, false)
      assert.equal(head.unsent, false)
      assert.equal(ended(head, true).committed, true)
    }),
  )
})

test('a refusal of a mesh peer whose application saw nothing is unsent, with its own code alone', () => {
  const draining = classify(14, saying('x-tulle-refused', 'TULLE_DRAINING'), true)
  assert.deepEqual([draining.condition, draining.unsent], ['refused-stream', true])
  assert.equal(ended(draining, true).unsent, false)
  assert.equal(classify(13, saying('x-tulle-refused', 'TULLE_DRAINING'), true).unsent, false)
  assert.equal(classify(14, saying('x-tulle-refused', 'TULLE_HANDLER'), true).unsent, false)
  const late = classify(4, saying('x-tulle-refused', 'TULLE_TOO_LATE'), true)
  assert.deepEqual([late.class, late.retryAfterMs], ['ignored', -1])
  const denied = classify(7, saying('x-tulle-refused', 'TULLE_DENIED'), true)
  assert.deepEqual([denied.class, denied.unsent, denied.retryAfterMs], ['ignored', false, -1])
})

test('pushback is a number of milliseconds; whatever else it says means no retry', () => {
  assert.equal(pushbackOf(NONE), undefined)
  for (const [text, ms] of [
    ['0', 0],
    ['250', 250],
    ['2147483647', 2_147_483_647],
    ['2147483648', -1],
    ['-1', -1],
    ['01', -1],
    ['1.5', -1],
    ['', -1],
    ['soon', -1],
  ] as const)
    assert.equal(pushbackOf(saying('grpc-retry-pushback-ms', text)), ms, text)
})

test('any text at all is a pushback that is read, or one that forbids', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[ -~]*$/), (text) => {
      const ms = pushbackOf(saying('grpc-retry-pushback-ms', text))
      assert.ok(ms === -1 || (ms !== undefined && ms >= 0 && String(ms) === text))
    }),
  )
})
