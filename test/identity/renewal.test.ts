import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { renewalAt, renewalBackoffMs } from '../../src/identity/renewal.ts'

const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const HOUR = 3_600_000

test('FAULTS 37: a renewal falls between 50 and 70 % of the time that was left, for any lifetime', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1000, max: 90 * 24 * HOUR }), unit, (lifeMs, chance) => {
      const at = renewalAt({ notBeforeMs: -300_000, notAfterMs: lifeMs }, 0, 0, () => chance)
      assert.ok(at >= lifeMs * 0.5 && at <= lifeMs * 0.7)
    }),
  )
})

test('what is found past its time is renewed soon and spread, never after its end', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10 * HOUR }), unit, (leftMs, chance) => {
      const at = renewalAt({ notBeforeMs: -24 * HOUR, notAfterMs: leftMs }, -240 * HOUR, 0, () => chance)
      assert.ok(at >= 0 && at <= 10_000 && at <= leftMs / 20)
    }),
  )
})

test('a back-off grows to a minute, and leaves room for many tries in the time that is left', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1000 }),
      fc.integer({ min: -HOUR, max: 24 * HOUR }),
      unit,
      (n, leftMs, chance) => {
        const ms = renewalBackoffMs(n, leftMs, () => chance)
        assert.ok(ms >= 0 && ms <= 60_000)
        if (leftMs > 5000) assert.ok(ms <= leftMs / 20)
      },
    ),
  )
  assert.equal(
    renewalBackoffMs(1, HOUR, () => 1),
    250,
  )
  assert.equal(
    renewalBackoffMs(100, 24 * HOUR, () => 1),
    60_000,
  )
})
