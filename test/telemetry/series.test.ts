import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BOUNDS, OwnSeries } from '../../src/telemetry/series.ts'

test('a duration falls at or below its bound, and above the last one into the place of its own', () => {
  const series = new OwnSeries({})
  for (const ms of [5, 5.001, 10_000, 10_000.001]) series.record(ms)
  assert.equal(series.counts[0], 1, '5 ms are not above 5 ms')
  assert.equal(series.counts[1], 1)
  assert.equal(series.counts[BOUNDS.length - 1], 1)
  assert.equal(series.counts[BOUNDS.length], 1)
})

test('counts, sum and extremes are those of what was recorded, in any order', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 20_000, noNaN: true }), { minLength: 1 }), (durations) => {
      const series = new OwnSeries({})
      for (const ms of durations) series.record(ms)
      const seconds = durations.map((ms) => ms / 1000)
      const limits = [0, ...BOUNDS, Number.POSITIVE_INFINITY]
      const expected = limits
        .slice(1)
        .map((top, at) => seconds.filter((s) => s <= top && (s > limits[at]! || at === 0)).length)
      assert.deepEqual(series.counts, expected)
      assert.equal(series.count, durations.length)
      assert.equal(series.min, Math.min(...seconds))
      assert.equal(series.max, Math.max(...seconds))
      assert.equal(
        series.sum,
        seconds.reduce((sum, one) => sum + one, 0),
      )
    }),
  )
})
