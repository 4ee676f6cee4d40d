import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Subscribers } from '../../src/plane/subscribers.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'

function subscribers(max = 100) {
  const clock = new ManualClock(0)
  return { clock, known: new Subscribers({ clock, wall: () => clock.now() + 5, max }) }
}
const ack = (instance: string, sequence: number, refused: string[] = []) => ({
  instance,
  service: 'orders',
  sequence,
  refused,
})

test('the last word of each instance counts, with its refusals', () => {
  const { known } = subscribers()
  known.acknowledge(ack('a', 1))
  known.acknowledge(ack('b', 1))
  known.acknowledge(ack('a', 2, ['orders.yaml: no']))
  assert.deepEqual(
    known.list().map(({ instance, sequence, refused }) => [instance, sequence, refused]),
    [
      ['a', 2, ['orders.yaml: no']],
      ['b', 1, []],
    ],
  )
})

test('an instance of one service is not spoken for by another', () => {
  const { known } = subscribers()
  assert.equal(known.acknowledge(ack('a', 1)), true)
  assert.equal(known.acknowledge({ ...ack('a', 9), service: 'users' }), false)
  assert.equal(known.list()[0]?.sequence, 1)
})

test('who is not heard of for a day is forgotten, and past the limit who was silent longest', () => {
  const { known, clock } = subscribers(3)
  for (const name of ['a', 'b', 'c']) known.acknowledge(ack(name, 1))
  known.touch('a')
  known.acknowledge(ack('d', 1))
  assert.deepEqual(
    known.list().map(({ instance }) => instance),
    ['a', 'c', 'd'],
  )
  clock.advance(20 * 3_600_000)
  known.touch('d')
  clock.advance(5 * 3_600_000)
  assert.deepEqual(
    known.list().map(({ instance, seen }) => [instance, seen]),
    [['d', 20 * 3_600_000 + 5]],
  )
  known.forget('d')
  assert.deepEqual(known.list(), [])
})

test('however much a service says, others are not forgotten for it, and what it says stays short and plain', () => {
  const clock = new ManualClock(0)
  const known = new Subscribers({ clock, wall: () => 0, max: 100, maxOfService: 3 })
  known.acknowledge({ ...ack('theirs', 1), service: 'users' })
  for (let n = 0; n < 500; n++) known.acknowledge(ack(`mine-${n}`, 1))
  assert.deepEqual(
    known.list().map(({ instance }) => instance),
    ['mine-497', 'mine-498', 'mine-499', 'theirs'],
  )
  known.acknowledge(
    ack(
      'mine-499',
      2,
      Array.from({ length: 50 }, () => `\u001b[2J\nroot: ok${'x'.repeat(2000)}`),
    ),
  )
  const { refused } = known.list().find(({ instance }) => instance === 'mine-499')!
  assert.ok(refused.join('').length <= 5000)
  assert.match(refused[0]!, /^ \[2J root: okx+$/)
  known.forget('theirs')
  known.acknowledge({ ...ack('theirs', 2), service: 'users' })
  assert.equal(known.list().length, 4)
})
