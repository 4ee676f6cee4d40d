import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startFullBacklog } from '../kit/backlog.ts'
import { codeOf } from '../kit/caller.ts'
import { worstOverrun } from '../kit/invariants.ts'
import { createNamespace } from '../kit/namespace.ts'
import { siblingOf, startProcess } from '../kit/process.ts'
import { startSetting } from '../kit/setting.ts'
import { until } from '../kit/wait.ts'

const kitFile = (name: string): string => siblingOf(import.meta.url, `../kit/${name}`)

test('FAULTS 6: a half-open connection fails by its deadline, and the endpoint is ejected', async (t) => {
  const space = createNamespace(t)
  const far =
    space &&
    (await startProcess(t, kitFile('ledger-process'), {
      args: ['far', '0', space.address],
      under: space.under,
    }))
  t.diagnostic(
    space ? 'a namespace that swallows packets' : 'no namespaces here: a proxy that passes nothing on',
  )
  const setting = await startSetting(t, {
    upstreams: 2,
    proxied: [0],
    also: far ? [`${space?.address}:${far.ready[1]}`] : [],
    orders: {
      balance: 'round-robin',
      retry: { limit: 0 },
      timeout: '600ms',
      outlier: { consecutiveFailures: 1, baseEjection: '30s', maxEjectedPercent: 100 },
    },
  })
  for (let n = 0; n < 12; n++) assert.equal((await setting.caller.ask()).status, 200)
  if (space) space.swallow()
  else setting.proxy.freeze()
  let late = 0
  for (let n = 0; n < 9; n++) {
    const seen = await setting.caller.ask({ timeoutMs: 600 })
    if (seen.error !== undefined) late++
  }
  assert.equal(late, 1, 'one call finds out, the others go elsewhere')
  t.diagnostic(`it found out ${worstOverrun(setting.caller.seen).toFixed(0)} ms after its deadline (50)`)
  assert.equal(setting.counted.ejections, 1)
  await until(() => setting.inFlight() === 0, { what: 'nothing in flight' })
  if (space) space.heal()
  else setting.proxy.drop('reset')
  await setting.finish()
})

test('FAULTS 7: a blackholed connect ends by connect.timeout, and the next endpoint answers', async (t) => {
  const hole = await startFullBacklog()
  t.after(() => hole.close())
  t.diagnostic('a listener with a full accept queue drops every SYN')
  const setting = await startSetting(t, {
    upstreams: 1,
    also: [hole.address],
    orders: { balance: 'round-robin', outlier: false, connect: { timeout: '200ms' }, timeout: '3s' },
  })
  for (const method of ['GET', 'POST', 'POST', 'GET']) {
    const seen = await setting.caller.ask(method === 'GET' ? {} : { method, body: 'x' })
    assert.equal(seen.status, 200, `${method}: ${codeOf(seen.error)}`)
    assert.ok(seen.tookMs < 2000, `${method} took ${seen.tookMs}`)
  }
  const slowest = Math.max(...setting.caller.seen.map(({ tookMs }) => tookMs))
  t.diagnostic(`the slowest call took ${slowest.toFixed(0)} ms with a connect timeout of 200 ms`)
  assert.ok(slowest > 150, 'the hole was met')
  await setting.finish()
})

test('FAULTS 7: where every endpoint is a blackhole, the deadline ends the call', async (t) => {
  const hole = await startFullBacklog()
  t.after(() => hole.close())
  const setting = await startSetting(t, {
    upstreams: 0,
    also: [hole.address],
    orders: { outlier: false, connect: { timeout: '5s' } },
  })
  const seen = await setting.caller.ask({ timeoutMs: 300 })
  assert.equal(codeOf(seen.error), 'TULLE_DEADLINE')
  t.diagnostic(`${seen.tookMs.toFixed(0)} ms of 300`)
  await setting.finish()
})

for (const [name, retry] of [
  ['no try-timeout', {}],
  ['try-timeouts and retries left', { limit: 5, tryTimeout: '80ms', retryOn: ['try-timeout'] }],
] as const)
  test(`FAULTS 16: the deadline wins over retries, and the upstream is left at once (${name})`, async (t) => {
    const setting = await startSetting(t, { upstreams: 3, orders: { outlier: false, retry } })
    for (const ledger of setting.ledgers) ledger.behave({ delayMs: 5000 })
    const started = performance.now()
    const seen = await setting.caller.ask({ timeoutMs: 200 })
    assert.match(codeOf(seen.error) ?? '', 'tryTimeout' in retry ? /DEADLINE|TRY_TIMEOUT/ : /DEADLINE/)
    const entries = () => setting.ledgers.flatMap((ledger) => ledger.entries)
    await until(() => entries().every(({ abortedAtMs }) => abortedAtMs !== undefined), {
      what: 'every upstream to see the caller leave',
    })
    const last = Math.max(...entries().map(({ abortedAtMs }) => abortedAtMs as number))
    const overMs = last - (started + 200)
    t.diagnostic(
      `the last of ${entries().length} upstreams was left ${overMs.toFixed(0)} ms after the deadline (50)`,
    )
    assert.ok(overMs < 500)
    if ('tryTimeout' in retry) assert.ok(entries().length >= 2, 'there were retries before the deadline')
    await setting.finish()
  })

test('FAULTS 16: downstream is told the time that is left', async (t) => {
  const setting = await startSetting(t, { orders: { retry: { limit: 1, retryOn: ['gateway-error'] } } })
  setting.ledger.behave(({ execution }) => (execution === 1 ? { status: 503, delayMs: 100 } : {}))
  const seen = await setting.caller.ask({ timeoutMs: 2000 })
  assert.equal(seen.status, 200)
  const told = setting.ledger.entries.map(({ headers }) => Number(headers['x-envoy-expected-rq-timeout-ms']))
  assert.equal(told.length, 2)
  const [first = 0, second = 0] = told
  t.diagnostic(`told ${told.join(', then ')} ms of 2000`)
  assert.ok(first <= 2000 && first > 1000, String(first))
  assert.ok(second <= first - 90, `${second} after ${first}`)
  await setting.finish()
})
