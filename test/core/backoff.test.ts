import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { backoffMs } from '../../src/core/backoff.ts'
import { seeded } from '../kit/random.ts'

const params = { base: 25, max: 250 }

test('the interval doubles from the base up to the maximum, and the wait is drawn from all of it', () => {
  const longest = [1, 2, 3, 4, 5, 10].map((n) => backoffMs(n, params, () => 1))
  assert.deepEqual(longest, [25, 50, 100, 200, 250, 250])
  assert.equal(
    backoffMs(3, params, () => 0),
    0,
  )
  assert.equal(
    backoffMs(3, params, () => 0.5),
    50,
  )
})

test('the back-off is always within [0, max)', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2000 }), fc.nat(), (n, seed) => {
      const ms = backoffMs(n, params, seeded(seed))
      assert.ok(ms >= 0 && ms < 250)
    }),
  )
})
