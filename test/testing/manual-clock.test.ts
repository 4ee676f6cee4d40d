import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../src/testing/manual-clock.ts'

test('timers fire in order of time, at their own time, those of one moment in the order they were set', () => {
  const clock = new ManualClock(0)
  const seen: [string, number][] = []
  const note = (name: string) => () => seen.push([name, clock.now()])
  clock.after(20, note('b'))
  clock.after(10, note('a'))
  clock.after(20, note('c'))
  clock.advance(19)
  clock.advance(1)
  assert.deepEqual(seen, [
    ['a', 10],
    ['b', 20],
    ['c', 20],
  ])
})

test('a timer set by a timer fires in the same advance when it is due', () => {
  const clock = new ManualClock(0)
  let at = -1
  clock.after(10, () =>
    clock.after(5, () => {
      at = clock.now()
    }),
  )
  clock.advance(100)
  assert.equal(at, 15)
  assert.equal(clock.now(), 100)
})

test('disarming is final and may be repeated', () => {
  const clock = new ManualClock()
  const disarm = clock.after(10, () => assert.fail('fired'))
  assert.equal(clock.armed, 1)
  assert.equal(clock.next, 10)
  disarm()
  disarm()
  clock.advance(20)
  assert.equal(clock.armed, 0)
  assert.equal(clock.next, undefined)
})
