import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rotorFor } from '../../src/resilience/rotor.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'

test('everybody with the same bucket length shares one timer, which runs only while somebody listens', () => {
  const clock = new ManualClock()
  const rotor = rotorFor(clock, 1000)
  assert.equal(rotorFor(clock, 1000), rotor)
  assert.notEqual(rotorFor(clock, 500), rotor)
  assert.notEqual(rotorFor(new ManualClock(), 1000), rotor)
  const turns = [0, 0]
  const first = (): void => void turns[0]!++
  const second = (): void => void turns[1]!++
  rotor.on('rotate', first)
  rotor.on('rotate', second)
  assert.equal(clock.armed, 1)
  assert.equal(rotor.listenerCount('rotate', first), 1)
  assert.equal(rotor.listenerCount('rotate'), 2)
  clock.advance(2500)
  rotor.removeListener('rotate', first)
  clock.advance(500)
  rotor.removeListener('rotate', second)
  assert.deepEqual(turns, [2, 3])
  assert.equal(clock.armed, 0)
})

test('one that takes itself off while it is turned stops the timer', () => {
  const clock = new ManualClock()
  const rotor = rotorFor(clock, 10)
  const once = (): void => void rotor.removeListener('rotate', once)
  rotor.on('rotate', once)
  clock.advance(10)
  assert.equal(clock.armed, 0)
})
