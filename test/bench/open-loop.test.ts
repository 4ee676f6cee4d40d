import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openLoop } from '../../bench/caller/drive.ts'
import { planArrivals } from '../../bench/open-loop.ts'
import { seeded } from '../kit/random.ts'

test('arrivals are in order, within the time, and as many as the rate says', () => {
  const due = planArrivals(2000, 10_000, seeded(1))
  assert.ok(Math.abs(due.length - 20_000) < 4 * Math.sqrt(20_000), `${due.length}`)
  assert.ok(due.every((at, n) => at >= (due[n - 1] ?? 0) && at < 10_000))
})

test('arrivals bunch as those of independent callers do: the deviation of the gaps is their mean', () => {
  const due = planArrivals(1000, 20_000, seeded(2))
  const gaps = due.map((at, n) => at - (due[n - 1] ?? 0))
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
  const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length)
  assert.ok(Math.abs(deviation / mean - 1) < 0.1, `${deviation / mean}`)
})

test('one seed is one plan', () => {
  assert.deepEqual(planArrivals(100, 1000, seeded(3)), planArrivals(100, 1000, seeded(3)))
  assert.notDeepEqual(planArrivals(100, 1000, seeded(3)), planArrivals(100, 1000, seeded(4)))
})

test('calls that a stall delayed have waited from when they were due', async () => {
  let first = true
  const once = (_method: unknown, done: (error: undefined) => void): void => {
    if (first) {
      first = false
      const until = performance.now() + 50
      while (performance.now() < until);
    }
    setImmediate(() => done(undefined))
  }
  const latenciesMs = await openLoop({ once }, { method: 'GET', due: [0, 10, 20, 30, 40] })
  assert.equal(latenciesMs.length, 5)
  const waited = [...latenciesMs].sort((a, b) => b - a)
  for (const [n, atLeast] of [50, 40, 30, 20, 10].entries()) assert.ok(waited[n]! >= atLeast, `${waited}`)
})

test('an open loop fails with the first call that fails', async () => {
  const once = (_method: unknown, done: (error: Error) => void): void => done(new Error('status 503'))
  await assert.rejects(openLoop({ once }, { method: 'GET', due: [0] }), /status 503/)
})
