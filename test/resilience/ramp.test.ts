import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ramp } from '../../src/resilience/ramp.ts'

/** How many of `wanting` are admitted in the step that begins at `nowMs`. */
const admitted = (ramp: Ramp, nowMs: number, wanting: number): number => {
  let count = 0
  for (let n = 0; n < wanting; n++) if (ramp.over(nowMs) || ramp.take(nowMs)) count++
  return count
}

test('a herd is let in by ones, twos and fours per 100 ms', () => {
  const ramp = new Ramp(0)
  const steps = Array.from({ length: 12 }, (_, n) => admitted(ramp, n * 100, 1000))
  assert.deepEqual(steps, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000, 1000])
})

test('it is over after the first step that had callers and refused none', () => {
  const ramp = new Ramp(0)
  assert.equal(admitted(ramp, 0, 5), 1)
  assert.equal(admitted(ramp, 100, 2), 2)
  assert.equal(ramp.over(199), false)
  assert.equal(ramp.over(200), true)
  assert.equal(admitted(ramp, 200, 10_000), 10_000)
})

test('a step without callers proves nothing', () => {
  const ramp = new Ramp(0)
  assert.equal(ramp.over(350), false)
  assert.equal(admitted(ramp, 350, 1000), 8)
})

test('after two seconds it has done its work', () => {
  assert.equal(new Ramp(0).over(2000), true)
})

test('asking admits nobody', () => {
  const ramp = new Ramp(0)
  assert.equal(ramp.admits(0), true)
  assert.equal(ramp.admits(0), true)
  assert.equal(ramp.take(0), true)
  assert.equal(ramp.admits(0), false)
  assert.equal(ramp.admits(100), true)
})
