import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Agent, request } from 'undici'
import { startFullBacklog } from './backlog.ts'
import { Caller, codeOf } from './caller.ts'
import { type Plan, startFaultProxy } from './fault-proxy.ts'
import { startLedger } from './ledger.ts'
import { until } from './wait.ts'

async function setUp(t: { after(fn: () => unknown): void }) {
  const ledger = await startLedger()
  const proxy = await startFaultProxy(ledger.address)
  const agent = new Agent({ pipelining: 1, connections: 1, headersTimeout: 2000, bodyTimeout: 2000 })
  t.after(async () => {
    await agent.destroy()
    await proxy.close()
    await ledger.close()
  })
  const caller = new Caller(
    (url: string, options: object) => request(url, { ...options, dispatcher: agent }),
    `http://${proxy.address}`,
  )
  const once = (plan: Plan) => proxy.plan((connection) => (connection === 0 ? plan : {}))
  return { ledger, proxy, agent, caller, once }
}

test('without a plan bytes pass untouched, large ones too', async (t) => {
  const { caller, proxy } = await setUp(t)
  const seen = await caller.ask({ bytes: 1_000_000, ledger: { bytes: 1_000_000 } })
  assert.equal(seen.corrupt, false)
  assert.equal(seen.receivedBytes, 1_000_000)
  assert.ok(proxy.counters.responseBytes > 1_000_000)
})

test('a cut at byte k of the response lets exactly k bytes through', async (t) => {
  const { caller, proxy, ledger } = await setUp(t)
  proxy.plan({ faults: [{ direction: 'response', byte: 5000, action: 'fin' }] })
  const seen = await caller.ask({ ledger: { bytes: 20_000 } })
  assert.equal(seen.complete, false)
  assert.ok(seen.receivedBytes > 4000 && seen.receivedBytes < 5000, String(seen.receivedBytes))
  assert.equal(ledger.totals.requests, 1)
})

test('a reset before the first response byte happens after the execution', async (t) => {
  const { caller, once, ledger } = await setUp(t)
  once({ faults: [{ direction: 'response', byte: 0, action: 'reset' }] })
  const seen = await caller.ask({ id: 'r', method: 'POST', body: 'x' })
  assert.ok(['ECONNRESET', 'UND_ERR_SOCKET'].includes(codeOf(seen.error) ?? ''), codeOf(seen.error) ?? '')
  assert.equal(ledger.executions('r'), 1)
})

test('a cut inside the request head keeps the request from being executed', async (t) => {
  const { caller, once, ledger } = await setUp(t)
  once({ faults: [{ direction: 'request', byte: 10, action: 'fin' }] })
  assert.ok((await caller.ask({ id: 'h' })).error)
  assert.equal(ledger.executions('h'), 0)
})

test('turns tell the requests of a keep-alive connection apart', async (t) => {
  const { caller, once, ledger } = await setUp(t)
  once({ faults: [{ direction: 'request', turn: 2, byte: 0, action: 'reset' }] })
  assert.equal((await caller.ask()).status, 200)
  assert.equal((await caller.ask()).status, 200)
  const third = await caller.ask({ id: 'third' })
  assert.ok(third.error)
  assert.equal(ledger.executions('third'), 0)
  assert.equal((await caller.ask()).status, 200)
})

test('delay and drip deliver everything, later', async (t) => {
  const { caller, once } = await setUp(t)
  once({ faults: [{ direction: 'response', byte: 0, action: 'delay', ms: 60 }] })
  const slow = await caller.ask()
  assert.equal(slow.status, 200)
  assert.ok(slow.tookMs >= 55, String(slow.tookMs))
})

test('a drip delivers the whole answer byte by byte', async (t) => {
  const { caller, once } = await setUp(t)
  once({ faults: [{ direction: 'response', byte: 20, action: 'drip', ms: 1 }] })
  const seen = await caller.ask({ ledger: { text: 'drops' } })
  assert.equal(seen.status, 200)
  assert.equal(seen.receivedBytes, 5)
})

test('silence, swallowing and freezing leave a caller waiting for its own timeout', async (t) => {
  const { ledger, proxy } = await setUp(t)
  const impatient = new Agent({ headersTimeout: 300, connections: 1 })
  t.after(() => impatient.destroy())
  const caller = new Caller(
    (url: string, options: object) => request(url, { ...options, dispatcher: impatient }),
    `http://${proxy.address}`,
  )
  proxy.plan({ accept: 'swallow' })
  assert.equal(codeOf((await caller.ask()).error), 'UND_ERR_HEADERS_TIMEOUT')
  proxy.plan({})
  assert.equal((await caller.ask()).status, 200)
  proxy.freeze()
  assert.equal(codeOf((await caller.ask()).error), 'UND_ERR_HEADERS_TIMEOUT')
  assert.equal(ledger.totals.requests, 1)
})

test('a refusing proxy refuses and a restored one serves at the same port', async (t) => {
  const { caller, proxy } = await setUp(t)
  await proxy.refuse()
  assert.equal(codeOf((await caller.ask()).error), 'ECONNREFUSED')
  await proxy.restore()
  assert.equal((await caller.ask()).status, 200)
})

test('no connection is left at the upstream once the proxy has dropped them', async (t) => {
  const { caller, proxy, ledger } = await setUp(t)
  await caller.ask()
  proxy.drop()
  await until(() => ledger.openConnections === 0 && proxy.open === 0, { what: 'both sides to be gone' })
})

test('a full accept queue neither accepts nor refuses', async (t) => {
  const hole = await startFullBacklog()
  const agent = new Agent({ connect: { timeout: 300 } })
  t.after(async () => {
    await agent.destroy()
    await hole.close()
  })
  await assert.rejects(request(`http://${hole.address}/`, { dispatcher: agent }), {
    code: 'UND_ERR_CONNECT_TIMEOUT',
  })
})

test('a fault of the whole connection counts its bytes from the first, whoever spoke in between', async (t) => {
  const { caller, once, ledger } = await setUp(t)
  once({ faults: [{ direction: 'response', turn: 'whole', byte: 30_000, action: 'fin' }] })
  const seen = await Promise.all([0, 1, 2].map(() => caller.ask({ ledger: { bytes: 12_000 } })))
  assert.deepEqual(
    seen.map(({ complete }) => complete),
    [true, true, false],
  )
  assert.equal(ledger.totals.requests, 3)
})
