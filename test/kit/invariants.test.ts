import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import type { Observation } from './caller.ts'
import {
  activeResources,
  assertInvariants,
  atMostOnce,
  type Counted,
  deadlinesKept,
  leftOver,
  noTruncation,
  oneVersion,
  rightAnswer,
  withinBudget,
} from './invariants.ts'
import { until } from './wait.ts'

const seen = (part: Partial<Observation>): Observation => ({
  id: 'x',
  method: 'POST',
  idempotent: false,
  tookMs: 1,
  complete: true,
  receivedBytes: 0,
  ...part,
})
const counted = (count: number): Counted => ({ name: 'u', executions: () => count })
const run = (part: Partial<Observation>, ...counts: number[]) => ({
  seen: [seen(part)],
  upstreams: counts.map(counted),
})

test('a POST executed on two upstreams together is found, a GET is not', () => {
  assert.equal(atMostOnce(run({}, 1, 1)).length, 1)
  assert.equal(atMostOnce(run({ idempotent: true, method: 'GET' }, 1, 1)).length, 0)
  assert.equal(atMostOnce(run({ status: 200 }, 0)).length, 1)
  assert.equal(atMostOnce(run({ error: new Error() }, 0)).length, 0)
})

test('a short or foreign body that ended well is found, one that ended in an error is not', () => {
  assert.equal(noTruncation(run({ expectedBytes: 10, receivedBytes: 9 })).length, 1)
  assert.equal(noTruncation(run({ expectedBytes: 10, receivedBytes: 10, corrupt: true })).length, 1)
  assert.equal(noTruncation(run({ complete: false, expectedBytes: 10, receivedBytes: 9 })).length, 0)
})

test('a foreign answer, a missed deadline and a mix of versions are found', () => {
  assert.equal(rightAnswer(run({ echoed: 'y' })).length, 1)
  assert.equal(deadlinesKept(run({ timeoutMs: 100, tookMs: 601 })).length, 1)
  assert.equal(deadlinesKept(run({ timeoutMs: 100, tookMs: 599 })).length, 0)
  assert.equal(oneVersion(run({ versions: ['1', '2', '1'] })).length, 1)
  assert.equal(oneVersion(run({ versions: ['2', '2'] })).length, 0)
  assert.throws(() => assertInvariants(run({ echoed: 'y' })), /1 broken invariants in 1 calls/)
})

test('retries above ratio and floor are found', () => {
  assert.equal(withinBudget({ calls: 100, executions: 120, seconds: 1 }).retries, 20)
  assert.throws(() => withinBudget({ calls: 100, executions: 160, seconds: 1 }), /60 retries of 100 calls/)
})

test('a listener left behind is found', async () => {
  const before = activeResources()
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  assert.match(leftOver(before).join(), /TCPServerWrap/)
  await new Promise((resolve) => server.close(resolve))
  await until(() => leftOver(before, ['TCPServerWrap']).length === 0, { what: 'the listener to be gone' })
})
