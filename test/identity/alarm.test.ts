import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alarm } from '../../src/identity/alarm.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'

function setting(): { clock: ManualClock; wall: () => number; step: (ms: number) => void } {
  const clock = new ManualClock(0)
  let offset = 1_700_000_000_000
  return {
    clock,
    wall: () => offset + clock.now(),
    step: (ms) => {
      offset += ms
    },
  }
}

const HOUR = 3_600_000

test('an alarm goes off at its moment and once', () => {
  const { clock, wall } = setting()
  let fired = 0
  alarm(clock, wall, wall() + 12 * HOUR, () => fired++)
  clock.advance(12 * HOUR - 1)
  assert.equal(fired, 0)
  clock.advance(1)
  assert.equal(fired, 1)
  clock.advance(48 * HOUR)
  assert.equal(fired, 1)
  assert.equal(clock.armed, 0)
})

test('a wall clock that is set forward, or a machine that slept, is noticed within a minute', () => {
  const { clock, wall, step } = setting()
  let fired = 0
  alarm(clock, wall, wall() + 12 * HOUR, () => fired++)
  clock.advance(HOUR)
  step(24 * HOUR)
  clock.advance(60_000)
  assert.equal(fired, 1)
})

test('a wall clock that is set back does not postpone the alarm', () => {
  const { clock, wall, step } = setting()
  let fired = 0
  alarm(clock, wall, wall() + 12 * HOUR, () => fired++)
  step(-24 * HOUR)
  clock.advance(12 * HOUR)
  assert.equal(fired, 1)
})

test('what is long due goes off in the next tick, and a disarmed alarm never', () => {
  const { clock, wall } = setting()
  let fired = 0
  alarm(clock, wall, wall() - HOUR, () => fired++)
  assert.equal(fired, 0)
  clock.advance(0)
  assert.equal(fired, 1)
  const disarm = alarm(clock, wall, wall() + HOUR, () => fired++)
  clock.advance(HOUR / 2)
  disarm()
  clock.advance(HOUR)
  assert.equal(fired, 1)
  assert.equal(clock.armed, 0)
})
