import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lifetime, moment, span } from '../../src/cli/when.ts'

test('a lifetime may be days and weeks, longer than any timer', () => {
  assert.equal(lifetime('30d'), 30 * 86_400_000)
  assert.equal(lifetime('4w'), 28 * 86_400_000)
  assert.equal(lifetime('1h30m'), 5_400_000)
})

for (const text of ['', '0s', '0d', '30', 'd', '1.5d', '-1d', '1d12h', 'ever'])
  test(`${JSON.stringify(text)} is no lifetime`, () => assert.throws(() => lifetime(text), /12h, 30d or 4w/))

test('moments are in UTC, to the second', () => {
  assert.equal(moment(Date.UTC(2026, 10, 21, 6, 13, 26, 999)), '2026-11-21 06:13:26Z')
})

test('spans are said in the units that matter', () => {
  const minute = 60_000
  assert.deepEqual(
    [40, 12_400, 5 * minute, 47 * 60 * minute, 76 * 60 * minute, 400 * 24 * 60 * minute].map(span),
    ['40 ms', '12 s', '5 min', '47 h', '3 d 4 h', '400 d'],
  )
})
