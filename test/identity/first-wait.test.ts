import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FirstWait } from '../../src/identity/first-wait.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { settled } from '../kit/fake-link.ts'

function waiting({ kept = false } = {}) {
  const clock = new ManualClock()
  const controller = new AbortController()
  const own = { uses: 0, end: 'waiting' }
  const wait: FirstWait = new FirstWait({
    clock,
    withinMs: 5000,
    keptAfterMs: 1000,
    useKept: () => {
      own.uses += 1
      if (kept) wait.held()
      return kept
    },
    nothing: (latest) => new Error(`nothing: ${String(latest)}`),
  })
  wait
    .over(() => {}, controller.signal)
    .then(
      () => {
        own.end = 'held'
      },
      (error: unknown) => {
        own.end = String(error)
      },
    )
  const later = async (ms: number): Promise<void> => {
    clock.advance(ms)
    await settled()
  }
  return { wait, clock, controller, own, later }
}

test('a certificate ends the wait and its timers', async () => {
  const { wait, clock, own } = waiting()
  wait.held()
  await settled()
  assert.deepEqual([own.end, clock.armed], ['held', 0])
})

test('what is kept is used where asking takes longer than a second', async () => {
  const { clock, own, later } = waiting({ kept: true })
  await later(999)
  assert.equal(own.end, 'waiting')
  await later(1)
  assert.deepEqual([own.end, clock.armed], ['held', 0])
})

test('what is kept is used at the first failure, whether it may pass or not', async () => {
  for (const mayPass of [true, false]) {
    const { wait, own } = waiting({ kept: true })
    wait.failed('refused', mayPass)
    await settled()
    assert.equal(own.end, 'held')
  }
})

test('without anything kept a failure that may pass is waited out, and the last one is the reason', async () => {
  const { wait, clock, own, later } = waiting()
  wait.failed('no leader', true)
  await later(4999)
  assert.equal(own.end, 'waiting')
  wait.failed('still no leader', true)
  await later(1)
  assert.deepEqual([own.end, clock.armed], ['Error: nothing: still no leader', 0])
})

test('one that will not pass ends it at once', async () => {
  const { wait, clock, own } = waiting()
  wait.failed('forbidden', false)
  await settled()
  assert.deepEqual([own.end, clock.armed], ['Error: nothing: forbidden', 0])
})

test('a start that is given up rejects with the signal’s reason', async () => {
  const { clock, controller, own } = waiting()
  controller.abort('enough')
  await settled()
  assert.deepEqual([own.end, clock.armed], ['enough', 0])
})
