import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  DECAY_MS,
  decayedMs,
  estimateMs,
  newLoad,
  observe,
  observeAtLeast,
  penalise,
  SEED_MS,
} from '../../src/balance/ewma.ts'

test('an endpoint never measured is believed to take 30 ms, and is forgotten with a time constant of 10 s', () => {
  const load = newLoad(1000)
  assert.equal(decayedMs(load, 1000), SEED_MS)
  assert.ok(Math.abs(decayedMs(load, 1000 + DECAY_MS) - SEED_MS / Math.E) < 1e-9)
})

test('a higher sample replaces the estimate at once', () => {
  const load = newLoad(0)
  observe(load, 2000, 10)
  assert.equal(decayedMs(load, 10), 2000)
})

test('a lower sample is mixed in by the time that has passed', () => {
  const load = newLoad(0)
  observe(load, 100, 0)
  observe(load, 10, 5_000)
  const weight = Math.exp(-0.5)
  assert.ok(Math.abs(decayedMs(load, 5_000) - (100 * weight + 10 * (1 - weight))) < 1e-9)
})

test('the estimate stays between the lowest and the highest of seed and samples while it is fed', () => {
  const samples = fc.array(
    fc.record({ ms: fc.double({ min: 1, max: 1e4, noNaN: true }), gapMs: fc.nat({ max: 60_000 }) }),
  )
  fc.assert(
    fc.property(samples, (list) => {
      const load = newLoad(0)
      let now = 0
      let low = SEED_MS
      let high = SEED_MS
      for (const { ms, gapMs } of list) {
        now += gapMs
        low = Math.min(low, ms)
        high = Math.max(high, ms)
        observe(load, ms, now)
        assert.ok(load.ewmaMs >= low - 1e-6 && load.ewmaMs <= high + 1e-6)
      }
    }),
  )
})

test('a wait that was broken off never makes an endpoint look faster', () => {
  const load = newLoad(0)
  observe(load, 100, 0)
  observeAtLeast(load, 1, 10)
  assert.ok(decayedMs(load, 10) > 99)
  observeAtLeast(load, 700, 10)
  assert.equal(decayedMs(load, 10), 700)
})

test('the age of the oldest wait is a lower bound', () => {
  const load = newLoad(0)
  load.oldestMs = 100
  assert.equal(estimateMs(load, 5_100), 5_000)
})

test('a penalty counts for what is left of it, and is gone when it is over', () => {
  const load = newLoad(0)
  load.ewmaMs = 2
  penalise(load, 5_000, 0)
  assert.equal(estimateMs(load, 0), 5_000)
  assert.equal(estimateMs(load, 4_000), 1_000)
  assert.ok(estimateMs(load, 5_000) < 2)
})

test('a penalty is never below the round trip, and a shorter one does not end a longer', () => {
  const load = newLoad(0)
  observe(load, 9_000, 0)
  penalise(load, 5_000, 0)
  assert.equal(load.penaltyEndMs, 9_000)
  penalise(load, 60_000, 0)
  penalise(load, 5_000, 100)
  assert.equal(load.penaltyEndMs, 60_000)
})
