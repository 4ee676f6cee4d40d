import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Reachable } from '../../src/control/reachable.ts'
import type { Random } from '../../src/core/ports.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { settled } from '../kit/fake-link.ts'
import { seeded } from '../kit/random.ts'

function looking(random: Random = () => 0.5) {
  const clock = new ManualClock()
  const plane = { there: false, looks: 0 }
  const reachable = new Reachable({
    probe: async () => {
      plane.looks++
      return plane.there
    },
    clock,
    random,
  })
  const told: number[] = []
  const began = clock.now()
  const unlisten = reachable.onReachable(() => told.push(clock.now() - began))
  /** In steps, so that a look is over before the next is due. */
  const later = async (ms: number): Promise<void> => {
    for (let at = 0; at < ms; at += 50) {
      clock.advance(50)
      await settled()
    }
  }
  return { clock, plane, reachable, told, unlisten, later }
}

test('FAULTS 20: while no plane can be reached there is a look every 0.6 s, and what is back is told within a second and a half', async () => {
  const { plane, reachable, told, later } = looking()
  reachable.lost()
  await later(60_000)
  assert.equal(plane.looks, 100)
  assert.deepEqual(told, [])
  plane.there = true
  await later(1500)
  assert.equal(told.length, 1)
  await later(60_000)
  assert.equal(told.length, 1, 'what accepts connections is no news again')
})

test('FAULTS 20: a thousand processes are spread when a plane is back, and all are told within a second and a half', async () => {
  const random = seeded(20)
  const times: number[] = []
  for (let n = 0; n < 1000; n++) {
    const { plane, reachable, told, later } = looking(random)
    reachable.lost()
    await later(3000 + 1000 * random())
    plane.there = true
    await later(1500)
    times.push(...told.map((ms) => ms % 250))
    assert.equal(told.length, 1)
  }
  for (let slice = 0; slice < 5; slice++)
    assert.ok(times.filter((ms) => Math.floor(ms / 50) === slice).length > 100, 'no moment is everybody’s')
})

test('what accepts connections all the time, and answers nothing, is left to the back-offs', async () => {
  const { plane, reachable, told, later } = looking()
  plane.there = true
  for (let n = 0; n < 20; n++) {
    reachable.lost()
    await later(1000)
  }
  assert.deepEqual(told, [])
})

test('an answer ends the looking, and tells at once where planes were gone', async () => {
  const { clock, plane, reachable, told, later } = looking()
  reachable.lost()
  reachable.found()
  assert.deepEqual([told, clock.armed], [[], 0])
  reachable.lost()
  await later(900)
  reachable.found()
  assert.deepEqual([told, clock.armed], [[900], 0])
  reachable.found()
  await later(5000)
  assert.deepEqual([told, plane.looks], [[900], 1])
})

test('nobody looks where nobody listens, and a look that is still under way then is of no interest', async () => {
  const { clock, plane, reachable, told, unlisten, later } = looking()
  reachable.lost()
  await later(800)
  plane.there = true
  clock.advance(800)
  unlisten()
  await settled()
  assert.deepEqual([told, clock.armed], [[], 0])
  reachable.lost()
  assert.equal(clock.armed, 0)
})
