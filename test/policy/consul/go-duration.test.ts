import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { goDuration, goDurationSchema } from '../../../src/policy/consul/go-duration.ts'

test('durations are read as Go writes them', () => {
  const table: readonly (readonly [string, number | undefined])[] = [
    ['15s', 15_000],
    ['1m30s', 90_000],
    ['1h0m0s', 3_600_000],
    ['1.5h', 5_400_000],
    ['100ms', 100],
    ['250µs', 0.25],
    ['1ns', 1e-6],
    ['0', 0],
    ['0s', 0],
    ['15', undefined],
    ['', undefined],
    ['-1s', undefined],
    ['1s ', undefined],
    ['soon', undefined],
  ]
  for (const [text, ms] of table) assert.equal(goDuration(text), ms, text)
})

test('a number is nanoseconds, and nothing and zero say nothing', () => {
  assert.equal(goDurationSchema.parse(1_500_000_000), 1500)
  assert.equal(goDurationSchema.parse(''), undefined)
  assert.equal(goDurationSchema.parse('0s'), undefined)
  assert.equal(goDurationSchema.safeParse('soon').success, false)
  assert.equal(goDurationSchema.safeParse(true).success, false)
})

test('any text is a duration or none, in no time', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('1', '.', 'm', 's', 'h', 'µ', 'n', '-') }), (text) => {
      const ms = goDuration(text)
      return ms === undefined || ms >= 0
    }),
  )
})
