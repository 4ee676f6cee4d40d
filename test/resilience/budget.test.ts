import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Budget, DEFAULT_BUDGET } from '../../src/resilience/budget.ts'

const drain = (budget: Budget, nowMs: number): number => {
  let granted = 0
  while (budget.withdraw(nowMs)) granted++
  return granted
}

test('a service without traffic may still make its floor of retries, and no more', () => {
  assert.equal(drain(new Budget(), 0), 30)
})

test('every request that is not a retry adds its share', () => {
  const budget = new Budget({ ratio: 0.2, minPerSecond: 0, ttl: 10_000 })
  for (let n = 0; n < 100; n++) budget.deposit(n)
  assert.equal(drain(budget, 100), 20)
})

test('what has left the window counts no more, in either direction', () => {
  const budget = new Budget({ ratio: 0.2, minPerSecond: 1, ttl: 10_000 })
  for (let n = 0; n < 100; n++) budget.deposit(0)
  assert.equal(drain(budget, 500), 30)
  assert.equal(budget.balance(9_999), 0)
  assert.equal(budget.balance(10_000), 10)
  assert.equal(budget.balance(3_600_000), 10)
})

test('a stricter policy applies to what has been counted, and so does a looser one', () => {
  const budget = new Budget({ ratio: 0.5, minPerSecond: 0, ttl: 10_000 })
  for (let n = 0; n < 100; n++) budget.deposit(0)
  for (let n = 0; n < 30; n++) budget.withdraw(0)
  budget.adopt({ ratio: 0.1, minPerSecond: 0, ttl: 10_000 })
  assert.equal(budget.balance(0), -20)
  assert.equal(budget.withdraw(0), false)
  budget.adopt({ ratio: 0.4, minPerSecond: 0, ttl: 10_000 })
  assert.equal(drain(budget, 0), 10)
})

test('another window keeps the rates', () => {
  const budget = new Budget({ ratio: 0.2, minPerSecond: 3, ttl: 10_000 })
  for (let ms = 0; ms < 10_000; ms += 10) budget.deposit(ms)
  for (let n = 0; n < 100; n++) budget.withdraw(9_990)
  const before = budget.balance(9_990)
  budget.adopt({ ratio: 0.2, minPerSecond: 3, ttl: 20_000 })
  assert.ok(Math.abs(budget.balance(9_990) - 2 * before) < 1e-6)
  budget.adopt({ ratio: 0.2, minPerSecond: 3, ttl: 5_000 })
  assert.ok(Math.abs(budget.balance(9_990) - before / 2) < 1e-6)
  budget.deposit(10_500)
  assert.ok(Number.isFinite(budget.balance(60_000)))
  assert.ok(Math.abs(budget.balance(60_000) - 15) < 1e-6)
})

const params = fc.record({
  ratio: fc.double({ min: 0, max: 1, noNaN: true }),
  minPerSecond: fc.integer({ min: 0, max: 20 }),
  ttl: fc.integer({ min: 1000, max: 60_000 }),
})
const schedule = fc.array(
  fc.record({ afterMs: fc.nat({ max: 3000 }), requests: fc.nat({ max: 30 }), wanted: fc.nat({ max: 30 }) }),
  { maxLength: 80, size: 'max' },
)

test('over any schedule retries stay within the share of requests and the floor', () => {
  fc.assert(
    fc.property(params, schedule, fc.integer({ min: -50_000, max: 50_000 }), (params, schedule, startMs) => {
      const budget = new Budget(params)
      const grants: number[] = []
      const requests: number[] = []
      let now = startMs
      for (const { afterMs, requests: count, wanted } of schedule) {
        now += afterMs
        for (let n = 0; n < count; n++) {
          budget.deposit(now)
          requests.push(now)
        }
        for (let n = 0; n < wanted; n++) if (budget.withdraw(now)) grants.push(now)
      }
      const { ratio, minPerSecond, ttl } = params
      const spanMs = now - startMs
      const bound = ratio * requests.length + (minPerSecond * (spanMs + ttl)) / 1000
      assert.ok(grants.length <= bound + 1e-3, `${grants.length} retries, allowed ${bound}`)
      for (const at of grants) {
        const within = (times: number[], ms: number): number =>
          times.filter((time) => time > at - ms && time <= at).length
        const allowed = ratio * within(requests, ttl) + (minPerSecond * ttl) / 1000
        assert.ok(within(grants, ttl * 0.9) <= allowed + 1e-3, 'more than the window allows')
      }
    }),
  )
})

test('whatever the budget owes is granted: nothing is withheld', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 500 }), fc.nat({ max: 8_999 }), (requests, ms) => {
      const budget = new Budget(DEFAULT_BUDGET)
      for (let n = 0; n < requests; n++) budget.deposit(0)
      assert.equal(drain(budget, ms), Math.floor(requests * 0.2 + 30 + 1e-6))
    }),
  )
})
