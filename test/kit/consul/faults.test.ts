import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Agent as Dispatcher, request } from 'undici'
import { codeOf } from '../caller.ts'
import { startFaultProxy } from '../fault-proxy.ts'
import { until } from '../wait.ts'
import { startAgent } from './agent.ts'

/** A client that asks a real agent through the proxy that breaks connections. */
async function setUp(t: TestContext) {
  const agent = await startAgent()
  await agent.api('PUT', '/v1/kv/a', 'x'.repeat(10_000))
  const proxy = await startFaultProxy(`127.0.0.1:${agent.ports.api}`)
  const dispatcher = new Dispatcher({ headersTimeout: 1500, bodyTimeout: 1500, connections: 1 })
  t.after(async () => {
    await dispatcher.destroy()
    await proxy.close()
    await agent.stop()
  })
  const ask = async (query = '') => {
    const answer = await request(`http://${proxy.address}/v1/kv/a${query}`, { dispatcher })
    return { index: answer.headers['x-consul-index'], text: await answer.body.text() }
  }
  const failure = async (query = ''): Promise<string | undefined> =>
    ask(query).then(
      () => undefined,
      (error: unknown) => codeOf(error),
    )
  return { agent, proxy, ask, failure }
}

test('an answer of a real agent is cut, reset and delayed on its way', async (t) => {
  const { proxy, ask, failure } = await setUp(t)
  const whole = (await ask()).text.length
  assert.ok(whole > 10_000)
  for (const action of ['fin', 'reset'] as const) {
    proxy.plan({ faults: [{ direction: 'response', byte: 5000, action }] })
    proxy.drop('fin')
    await until(() => proxy.open === 0, { what: 'the connection to end' })
    const code = await failure()
    assert.match(code ?? 'it came through', /^(?:UND_ERR_SOCKET|ECONNRESET)$/)
  }
  proxy.plan({ faults: [{ direction: 'response', byte: 0, action: 'delay', ms: 100 }] })
  const started = performance.now()
  assert.equal((await ask()).text.length, whole)
  assert.ok(performance.now() - started >= 95)
})

test('a blocking query over a link that swallows packets hears of no change, and a new one does', async (t) => {
  const { agent, proxy, ask, failure } = await setUp(t)
  const { index } = await ask()
  const before = proxy.counters.requestBytes
  const waiting = failure(`?index=${index}&wait=1m&raw`)
  await until(() => proxy.counters.requestBytes > before, { what: 'the query' })
  proxy.freeze()
  await agent.api('PUT', '/v1/kv/a', 'new')
  assert.equal(await waiting, 'UND_ERR_HEADERS_TIMEOUT')
  assert.equal((await ask(`?index=${index}&wait=1m&raw`)).text, 'new')
})

test('an agent behind it may be refused and come back', async (t) => {
  const { proxy, ask, failure } = await setUp(t)
  await proxy.refuse()
  assert.equal(await failure(), 'ECONNREFUSED')
  await proxy.restore()
  assert.ok((await ask()).text)
})
