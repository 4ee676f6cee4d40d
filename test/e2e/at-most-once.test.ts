import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fault } from '../kit/fault-proxy.ts'
import { closedLoop } from '../kit/load.ts'
import { type Setting, startSetting } from '../kit/setting.ts'
import { until } from '../kit/wait.ts'

const BODY = 'one order of everything, please; '.repeat(4)

interface Sizes {
  readonly request: number
  readonly response: number
}

/** A cut at every byte of a request and of its answer, polite and not, on fresh and on reused connections. */
function* everyCut({ request, response }: Sizes): Generator<Fault> {
  for (const turn of [0, 1])
    for (const action of ['fin', 'reset'] as const) {
      for (let byte = 0; byte < request; byte++) yield { direction: 'request', turn, byte, action }
      for (let byte = 0; byte < response; byte++) yield { direction: 'response', turn, byte, action }
    }
}

/** What one exchange takes; the first id is the shortest, so that no later one is shorter and every cut strikes. */
async function measure({ caller, proxies }: Setting): Promise<Sizes> {
  await caller.ask({ method: 'POST', body: BODY })
  const [used] = proxies.filter(({ counters }) => counters.accepted > 0)
  assert.ok(used)
  const { requestBytes: request, responseBytes: response } = used.counters
  for (const proxy of proxies) proxy.drop('fin')
  await until(() => proxies.every(({ open }) => open === 0), { what: 'the measured connection to be gone' })
  return { request, response }
}

for (const [name, early] of [
  ['that answers when it has the whole request', false],
  ['that answers before it has read the body', true],
] as const) {
  test(`FAULTS 58: a POST cut at any byte is executed at most once, on a server ${name}`, async (t) => {
    const setting = await startSetting(t, {
      upstreams: 2,
      proxied: [0, 1],
      orders: { outlier: false, retry: { budget: { ratio: '100%', minPerSecond: 1000 } } },
    })
    for (const ledger of setting.ledgers) ledger.behave({ early })
    const cuts = [...everyCut(await measure(setting))]
    let next = 0
    for (const proxy of setting.proxies)
      proxy.plan(() => ({ faults: next < cuts.length ? [cuts[next++] as Fault] : [] }))
    while (next < cuts.length)
      await closedLoop({ callers: 8, calls: 200 }, () => setting.caller.ask({ method: 'POST', body: BODY }))
    const seen = setting.caller.seen
    const count = (times: number): number => seen.filter(({ id }) => setting.executions(id) === times).length
    const struck = setting.proxies.reduce((sum, { counters }) => sum + counters.faulted, 0)
    t.diagnostic(
      `${seen.length} POSTs, ${struck} connections cut, ${setting.caller.failures.length} errors; executed never ${count(0)}, once ${count(1)}, more often ${seen.length - count(0) - count(1)}`,
    )
    assert.equal(count(0) + count(1), seen.length)
    assert.ok(struck > cuts.length * 0.9, `${struck} of ${cuts.length} cuts struck`)
    await setting.finish()
  })
}

test('FAULTS 58: a POST marked idempotent succeeds where one endpoint cuts every answer', async (t) => {
  const setting = await startSetting(t, {
    upstreams: 2,
    proxied: [0],
    orders: {
      outlier: false,
      balance: 'round-robin',
      retry: { budget: { ratio: '100%', minPerSecond: 1000 } },
      routes: [{ match: { path: '/keyed/**', method: ['POST'] }, idempotent: true }],
    },
  })
  setting.proxy.plan({ faults: [{ direction: 'response', byte: 0, action: 'reset' }] })
  for (let n = 0; n < 20; n++) {
    const byKey = { 'idempotency-key': `k${n}` }
    await setting.caller.ask({ method: 'POST', body: BODY, headers: byKey })
    await setting.caller.ask({ method: 'POST', body: BODY, mesh: { idempotent: true } })
    await setting.caller.ask({ method: 'POST', body: BODY, path: '/keyed/1', repeatable: true })
  }
  assert.deepEqual(setting.caller.failures, [])
  assert.ok(setting.counted.retries >= 20)
  await setting.finish()
})

test('FAULTS 58: retry: false means one attempt, not even a transparent second one', async (t) => {
  const setting = await startSetting(t, { upstreams: 2, orders: { outlier: false, balance: 'round-robin' } })
  await setting.ledgers[0]?.refuse()
  for (let n = 0; n < 20; n++) await setting.caller.ask({ mesh: { retry: false } })
  assert.equal(setting.counted.transparent + setting.counted.retries, 0)
  assert.ok(setting.caller.failures.length >= 5)
  await setting.finish()
})
