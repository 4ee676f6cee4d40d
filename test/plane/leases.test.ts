import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Leases } from '../../src/plane/leases.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'

const stage = () => {
  const clock = new ManualClock()
  const lapsed: string[] = []
  const leases = new Leases({ clock, ttlMs: 10_000, onLapse: (name) => lapsed.push(name) })
  return { clock, lapsed, leases }
}
const enter = (leases: Leases, count: number): void => {
  for (let i = 0; i < count; i++) leases.renew(`i${i}`)
}

test('a lease lasts its TTL, and grows only where heartbeats would cost too much, never beyond twice', () => {
  const { leases } = stage()
  enter(leases, 1000)
  assert.equal(leases.ttlMs, 10_000)
  enter(leases, 2500)
  assert.equal(leases.ttlMs, 15_000)
  enter(leases, 20_000)
  assert.equal(leases.ttlMs, 20_000)
})

test('whoever beats at a third of the lease he was told outlives its becoming shorter again', () => {
  const { clock, lapsed, leases } = stage()
  enter(leases, 4000)
  const beatMs = (leases.ttlMs / 3) * 1.1
  clock.advance(1000)
  for (let i = 1; i < 4000; i++) leases.drop(`i${i}`)
  assert.equal(leases.ttlMs, 10_000)
  clock.advance(beatMs - 1000)
  assert.deepEqual(lapsed, [])
  leases.renew('i0')
  clock.advance(9900)
  assert.deepEqual(lapsed, [])
  clock.advance(300)
  assert.deepEqual(lapsed, ['i0'])
})

test('who is heard of keeps his lease; who is not loses it, one after the other', () => {
  const { clock, lapsed, leases } = stage()
  leases.renew('a')
  clock.advance(4000)
  leases.renew('b')
  clock.advance(4000)
  leases.renew('a')
  clock.advance(6100)
  assert.deepEqual(lapsed, ['b'])
  clock.advance(4100)
  assert.deepEqual(lapsed, ['b', 'a'])
})
