import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closeAfterRenewal, closeAt, RENEWAL_WINDOW_MS } from '../../src/server/ageing.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

test('a connection is to live an hour, give or take a tenth, where certificates last', () => {
  const at = (chance: number): number => closeAt({ nowMs: 1000, certificatesMs: DAY_MS }, () => chance) - 1000
  assert.deepEqual([at(0), at(0.5)], [0.9 * HOUR_MS, HOUR_MS])
  assert.ok(at(0.999_999) < 1.1 * HOUR_MS)
})

test('it ends at 50 to 70 percent of what is left of a short certificate, and at once where nothing is', () => {
  const at = (certificatesMs: number, chance: number): number =>
    closeAt({ nowMs: 0, certificatesMs }, () => chance)
  assert.deepEqual([at(20_000, 0), at(20_000, 0.5), at(-1, 0.5)], [10_000, 12_000, 0])
})

test('a renewal spreads the ends over its window and never makes one later', () => {
  const after = (closeAtMs: number, chance: number): number => closeAfterRenewal(closeAtMs, 0, () => chance)
  assert.deepEqual([after(HOUR_MS, 0), after(HOUR_MS, 0.5)], [0, RENEWAL_WINDOW_MS / 2])
  assert.equal(after(1000, 0.9), 1000)
})
