import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Duration, verdictKey } from '../../src/telemetry/duration.ts'
import { OwnSeries } from '../../src/telemetry/series.ts'

const durations = (): Duration => new Duration('d', '', (attributes) => new OwnSeries(attributes))

test('a series is found by its four values and by no others', () => {
  const key = fc.option(fc.oneof(fc.constantFrom('GET', '200', ''), fc.constantFrom(200, 0)), {
    nil: undefined,
  })
  fc.assert(
    fc.property(fc.array(fc.tuple(key, key, key, key), { maxLength: 30 }), (keys) => {
      const duration = durations()
      const made = new Map<string, unknown>()
      for (const [a, b, c, d] of keys) {
        const name = JSON.stringify([a, b, c, d].map((one) => [typeof one, one]))
        assert.equal(duration.find(a, b, c, d), made.get(name))
        made.set(name, duration.find(a, b, c, d) ?? duration.add(a, b, c, d, { name }))
      }
      assert.deepEqual(new Set(duration.series), new Set(made.values()))
    }),
  )
})

test('beyond 1,000 sets everything further is one, and still counted', () => {
  const duration = durations()
  const record = (n: number): void =>
    (duration.find('a', n, 1, 2) ?? duration.add('a', n, 1, 2, { n })).record(1)
  for (let n = 0; n < 1500; n++) record(n)
  record(0)
  const series = duration.series as readonly OwnSeries[]
  assert.equal(series.length, 1001)
  assert.equal(series[0]?.count, 2)
  assert.deepEqual(series[1000]?.attributes, { 'otel.metric.overflow': true })
  assert.equal(series[1000]?.count, 500)
})

test('an error is part of the last value, which stays what it is where there is none', () => {
  assert.equal(verdictKey(200, undefined), 200)
  assert.notEqual(verdictKey(undefined, 'TULLE_RESET'), verdictKey(502, 'TULLE_RESET'))
})
