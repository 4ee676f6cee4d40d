import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Schedule } from '../../src/balance/schedule.ts'
import { seeded } from '../kit/random.ts'

const none = (): boolean => false

test('turns come in proportion to weight, each share exact to one turn', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 }),
      fc.nat(),
      (weights, seed) => {
        const schedule = new Schedule(weights, seeded(seed))
        const total = weights.reduce((sum, weight) => sum + weight, 0)
        const counts = weights.map(() => 0)
        for (let n = 0; n < total * 3; n++) counts[schedule.next(none)]! += 1
        weights.forEach((weight, n) => {
          assert.ok(Math.abs(counts[n]! - 3 * weight) <= weights.length, `${counts[n]} of ${3 * weight}`)
        })
      },
    ),
  )
})

test('a heavy weight is spread between the others, not served in a burst', () => {
  const schedule = new Schedule([3, 1], seeded(1))
  const turns = Array.from({ length: 40 }, () => schedule.next(none)).join('')
  assert.doesNotMatch(turns, /0000|11/)
})

test('who is skipped keeps its turn', () => {
  const schedule = new Schedule([1, 1], seeded(1))
  const first = schedule.next(none)
  const second = 1 - first
  assert.equal(
    schedule.next((index) => index === second),
    first,
  )
  assert.equal(schedule.next(none), second)
})

test('where all are skipped the next one comes up anyway', () => {
  const schedule = new Schedule([1, 1, 1], seeded(1))
  const seen = new Set(Array.from({ length: 3 }, () => schedule.next(() => true)))
  assert.equal(seen.size, 3)
})
