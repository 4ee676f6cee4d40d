import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkClock } from '../../../src/cli/check/clock.ts'

const minute = 60_000

test('FAULTS 40: half a minute is nothing, more is a warning, more than certificates are backdated is a failure', () => {
  const verdicts = [0, 30_000, -30_000, 31_000, -5 * minute, 5 * minute + 1].map(
    (ms) => checkClock(ms).verdict,
  )
  assert.deepEqual(verdicts, ['pass', 'pass', 'pass', 'warn', 'warn', 'fail'])
})

test('which of the two is ahead is said', () => {
  assert.match(checkClock(86_400_000).says, /24 h ahead of the plane's/)
  assert.match(checkClock(-60_000).says, /60 s behind the plane's/)
})
