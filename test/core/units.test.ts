import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { z } from 'zod'
import {
  bytes,
  duration,
  numberBetween,
  oneOf,
  parseDuration,
  percent,
  wholeNumber,
} from '../../src/core/units.ts'

const refused = (schema: z.ZodType, value: unknown): string => {
  const result = schema.safeParse(value)
  assert.equal(result.success, false, `${JSON.stringify(value)} was accepted`)
  return result.error?.issues[0]?.message ?? ''
}

test('durations are read in every unit and in combination', () => {
  assert.equal(parseDuration('250ms'), 250)
  assert.equal(parseDuration('2s'), 2000)
  assert.equal(parseDuration('1.5s'), 1500)
  assert.equal(parseDuration('1m30s'), 90_000)
  assert.equal(parseDuration('1h1m1s1ms'), 3_661_001)
  for (const bad of ['', '5', 's', '-1s', '1s1m', '1 s', '1d', '1e3ms', '999999h'])
    assert.equal(parseDuration(bad), undefined, bad)
})

test('a duration written from whole parts reads back as their sum', () => {
  const part = fc.nat({ max: 59 })
  fc.assert(
    fc.property(part, part, part, (m, s, ms) => {
      assert.equal(parseDuration(`${m}m${s}s${ms}ms`), m * 60_000 + s * 1000 + ms)
    }),
  )
})

test('each unit says in one sentence what it accepts', () => {
  assert.equal(refused(duration(), 5), 'expected a duration such as 250ms, 2s or 1m30s')
  assert.equal(refused(duration(), '0s'), 'expected a duration such as 250ms, 2s or 1m30s')
  assert.match(refused(duration(100), '50ms'), /at least 100ms/)
  assert.equal(refused(percent(), '101%'), 'expected a percentage from 0% to 100%')
  assert.equal(refused(percent(), 'half'), 'expected a percentage from 0% to 100%')
  assert.match(refused(bytes(1024), '2KiB'), /at most 1024 bytes/)
  assert.match(refused(bytes(1024), 1.5), /expected a size/)
  assert.equal(refused(wholeNumber(0, 10), 'three'), 'expected a whole number 0–10')
  assert.equal(refused(wholeNumber(0, 10), 11), 'expected a whole number 0–10')
  assert.equal(refused(wholeNumber(0, 10), 1.5), 'expected a whole number 0–10')
  assert.equal(refused(numberBetween(0, 1), 2), 'expected a number 0–1')
  assert.equal(refused(oneOf(['a', 'b']), 'c'), 'expected one of a, b')
})

test('percentages become fractions and sizes become bytes', () => {
  assert.equal(percent().parse('20%'), 0.2)
  assert.equal(percent().parse(50), 0.5)
  assert.equal(bytes(2 ** 30).parse('256KiB'), 262_144)
  assert.equal(bytes(2 ** 30).parse('1MB'), 1_000_000)
  assert.equal(bytes(2 ** 30).parse(512), 512)
})
