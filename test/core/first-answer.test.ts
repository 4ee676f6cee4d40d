import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FirstAnswer } from '../../src/core/first-answer.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { settled } from '../kit/fake-link.ts'

function waiting(begin: (first: FirstAnswer) => void = () => {}) {
  const first = new FirstAnswer()
  const clock = new ManualClock()
  const controller = new AbortController()
  const own = { over: false }
  void first
    .wait(clock, 3000, controller.signal, () => begin(first))
    .then(() => {
      own.over = true
    })
  return { first, clock, controller, own }
}

test('the first answer ends the wait and its timer', async () => {
  const { first, clock, own } = waiting()
  await settled()
  assert.equal(own.over, false)
  first.settle()
  first.settle()
  await settled()
  assert.deepEqual([own.over, clock.next], [true, undefined])
})

test('what answers while it is being asked ends the wait too', async () => {
  const { clock, own } = waiting((first) => first.settle())
  await settled()
  assert.deepEqual([own.over, clock.next], [true, undefined])
})

test('the wait is over with its time, and not before', async () => {
  const { clock, own } = waiting()
  clock.advance(2999)
  await settled()
  assert.equal(own.over, false)
  clock.advance(1)
  await settled()
  assert.equal(own.over, true)
})

test('a start that is given up waits no longer, and leaves no timer', async () => {
  const { clock, controller, own } = waiting()
  controller.abort()
  await settled()
  assert.deepEqual([own.over, clock.next], [true, undefined])
})
