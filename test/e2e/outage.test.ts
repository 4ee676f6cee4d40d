import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeOf } from '../kit/caller.ts'
import { withinBudget } from '../kit/invariants.ts'
import { openLoop } from '../kit/load.ts'
import { startSetting } from '../kit/setting.ts'
import { until } from '../kit/wait.ts'

const OPEN_FOR_MS = 1000
const breaker = { errorThreshold: '50%', minRequests: 20, openFor: `${OPEN_FOR_MS}ms` }

test('with one of three instances refusing connections and the next failing, every GET succeeds and no breaker opens', async (t) => {
  const setting = await startSetting(t, { upstreams: 3, orders: { breaker } })
  const ask = () => setting.caller.ask()
  await openLoop({ perSecond: 200, forMs: 500 }, ask)
  await setting.ledgers[0]?.refuse()
  await openLoop({ perSecond: 200, forMs: 1000 }, ask)
  setting.ledgers[1]?.behave({ status: 503 })
  await openLoop({ perSecond: 200, forMs: 2000 }, ask)
  assert.deepEqual(setting.caller.failures, [])
  assert.deepEqual(setting.counted.breaker, [])
  const { retries, transparent, ejections } = setting.counted
  t.diagnostic(
    `${setting.caller.seen.length} GETs: ${retries} retries, ${transparent} transparent, ${ejections} ejections`,
  )
  await setting.finish()
})

test('with every instance failing, calls fail fast as TULLE_CIRCUIT_OPEN and recover within openFor, one probe and no herd', async (t) => {
  const setting = await startSetting(t, { upstreams: 3, orders: { breaker } })
  for (const ledger of setting.ledgers) ledger.behave({ status: 503 })
  const ask = () => setting.caller.ask()
  await openLoop({ perSecond: 200, forMs: 1500 }, ask)
  assert.equal(setting.counted.breaker[0], 'open')
  const refused = setting.caller.seen.filter(({ error }) => codeOf(error) === 'TULLE_CIRCUIT_OPEN')
  const slowest = Math.max(...refused.map(({ tookMs }) => tookMs))
  t.diagnostic(`${refused.length} calls refused, the slowest in ${slowest.toFixed(1)} ms`)
  assert.ok(refused.length > 50)
  assert.ok(slowest < 200)

  for (const ledger of setting.ledgers) {
    ledger.behave({})
    ledger.reset()
  }
  const healthy = performance.now()
  const load = openLoop({ perSecond: 400, forMs: 4000 }, ask)
  const first = await until(() => firstArrival(setting.ledgers), {
    what: 'the probe',
    withinMs: 10 * OPEN_FOR_MS,
  })
  const { results } = await load
  const afterMs = first - healthy
  const early = arrivals(setting.ledgers).filter((at) => at < first + 100).length
  t.diagnostic(
    `the probe came after ${afterMs.toFixed(0)} ms (openFor ${OPEN_FOR_MS}), ${early} calls in its first 100 ms`,
  )
  assert.ok(afterMs < 10 * OPEN_FOR_MS)
  assert.ok(early <= 10, `${early} calls in the first 100 ms, of 40 that asked`)
  const last = results.slice(-200).map(({ value }) => value?.status)
  assert.deepEqual(new Set(last), new Set([200]), 'everything is answered again')
  assert.equal(setting.counted.breaker.at(-1), 'closed')
  assert.equal(
    setting.counted.breaker.filter((state) => state === 'closed').length,
    1,
    'it did not trip again',
  )
  await setting.finish()
})

function arrivals(ledgers: readonly { readonly entries: readonly { readonly atMs: number }[] }[]): number[] {
  return ledgers.flatMap(({ entries }) => entries.map(({ atMs }) => atMs))
}

function firstArrival(ledgers: Parameters<typeof arrivals>[0]): number | undefined {
  const all = arrivals(ledgers)
  return all.length === 0 ? undefined : Math.min(...all)
}

for (const kind of ['answering 503', 'resetting', 'refusing'] as const)
  test(`retries under an outage of all instances (${kind}) add at most 20 % and 3 per second`, async (t) => {
    const ttl = 1
    const setting = await startSetting(t, { upstreams: 3, orders: { retry: { budget: { ttl: `${ttl}s` } } } })
    for (const ledger of setting.ledgers) {
      if (kind === 'answering 503') ledger.behave({ status: 503 })
      else if (kind === 'resetting') ledger.behave({ cut: { after: 'nothing', how: 'reset' } })
      else await ledger.refuse()
    }
    const driven = await openLoop({ perSecond: 300, forMs: 2500 }, () => setting.caller.ask())
    const calls = driven.results.length
    const executions = kind === 'refusing' ? calls + setting.counted.retries : sumOf(setting.ledgers)
    const { retries, allowed } = withinBudget({ calls, executions, seconds: driven.seconds, ttlSeconds: ttl })
    t.diagnostic(
      `${retries} retries of ${calls} calls in ${driven.seconds.toFixed(1)} s, ${allowed.toFixed(0)} allowed`,
    )
    assert.equal(setting.caller.failures.length, calls)
    await setting.finish()
  })

const sumOf = (ledgers: readonly { readonly totals: { readonly requests: number } }[]): number =>
  ledgers.reduce((sum, { totals }) => sum + totals.requests, 0)
