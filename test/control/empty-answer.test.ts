import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EmptyAnswer } from '../../src/control/empty-answer.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { settled } from '../kit/fake-link.ts'

function held(look: () => Promise<boolean>) {
  const clock = new ManualClock()
  const own = { looks: 0, confirmed: 0 }
  const empty = new EmptyAnswer({
    clock,
    look: () => {
      own.looks += 1
      return look()
    },
    onConfirmed: () => {
      own.confirmed += 1
    },
  })
  const later = async (ms: number): Promise<void> => {
    clock.advance(ms)
    await settled()
  }
  return { clock, empty, own, later }
}

test('the third empty answer, five seconds after the first, is believed', async () => {
  const { clock, empty, own, later } = held(async () => true)
  empty.hold()
  await later(2499)
  assert.equal(own.looks, 0)
  await later(1)
  assert.deepEqual(own, { looks: 1, confirmed: 0 })
  await later(2500)
  assert.deepEqual(own, { looks: 2, confirmed: 1 })
  assert.equal(clock.next, undefined)
})

test('an empty answer more, while one is held, does not hasten it', async () => {
  const { empty, own, later } = held(async () => true)
  empty.hold()
  await later(2500)
  empty.hold()
  await later(2499)
  assert.equal(own.confirmed, 0)
  await later(1)
  assert.equal(own.confirmed, 1)
})

test('something after all ends it, and the next empty answer begins anew', async () => {
  let is = false
  const { clock, empty, own, later } = held(async () => is)
  empty.hold()
  await later(2500)
  assert.deepEqual([own.confirmed, clock.next], [0, undefined])
  is = true
  empty.hold()
  await later(2500)
  assert.equal(own.confirmed, 0)
  await later(2500)
  assert.equal(own.confirmed, 1)
})

test('a look that fails says nothing: it is looked again, and not counted', async () => {
  let fails = 3
  const { empty, own, later } = held(async () => {
    if (fails-- > 0) throw new Error('no leader')
    return true
  })
  empty.hold()
  for (let n = 0; n < 4; n++) await later(2500)
  assert.deepEqual(own, { looks: 4, confirmed: 0 })
  await later(2500)
  assert.deepEqual(own, { looks: 5, confirmed: 1 })
})

test('who is told to stop while a look is on its way confirms nothing and leaves no timer', async () => {
  const answers: ((empty: boolean) => void)[] = []
  const { clock, empty, own, later } = held(() => new Promise((resolve) => answers.push(resolve)))
  empty.hold()
  await later(2500)
  empty.stop()
  answers[0]?.(true)
  await settled()
  assert.deepEqual([own.confirmed, clock.next], [0, undefined])
})
