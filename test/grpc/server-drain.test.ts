import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ChannelCredentials, credentials, status } from '@grpc/grpc-js'
import { RUNTIME } from '../../src/core/runtime.ts'
import { type Serve, serve } from '../../src/grpc/server.ts'
import { TestCa } from '../kit/certificates.ts'
import { grpcCredentials, inboundGrpc, listeningRuntime } from '../kit/grpc/inbound.ts'
import { closing, observe, quote } from '../kit/grpc/observe.ts'
import { Pricing } from '../kit/grpc/pricing.ts'
import { pricingGrpc } from '../kit/grpc/pricing-server.ts'
import { PricingService } from '../kit/grpc/pricing-service.ts'
import { inboundHarness } from '../kit/inbound-harness.ts'
import type { Cleanup } from '../kit/process.ts'
import { servingIdentity } from '../kit/tls-inbound.ts'
import { delay, until, within } from '../kit/wait.ts'

const never = (): AbortSignal => new AbortController().signal

test('announced, a server tells its callers to go and serves everything that still arrives', async (t) => {
  const { client, harness, service } = await inboundGrpc(t)
  const [draining] = [...harness.servers]
  const old = client()
  await quote(old)
  draining!.announce()
  for (let n = 0; n < 5; n++) {
    await quote(old, { id: 'again' })
    await quote(client(), { id: 'newcomer' })
  }
  assert.deepEqual([service.ledger.times('again'), service.ledger.times('newcomer')], [5, 5])
  assert.ok(new Set(service.ledger.executions.map(({ peer }) => peer)).size >= 7, 'on new connections')
})

test('finished, a server accepts no connection, ends when the last call has, and cuts what outlives the grace', async (t) => {
  const { client, harness, service, listening } = await inboundGrpc(t, { behaviour: { delayMs: 150 } })
  const [draining] = [...harness.servers]
  const pricing = client()
  const running = quote(pricing, { id: 'running' })
  await until(() => service.ledger.times('running') === 1, { what: 'a running call' })
  let finished = false
  const finishing = draining!.finish(never()).then(() => {
    finished = true
  })
  const refused = await observe(client(), 'quote')
  assert.equal(refused.error?.code, status.UNAVAILABLE)
  assert.equal(finished, false, 'a call is running')
  await running
  await within(finishing, 3000, 'the end of the drain')

  await listening.close()
  const second = await inboundGrpc(t, { behaviour: { never: true } })
  const stuck = observe(second.client(), 'quote')
  await until(() => second.harness.inFlight() === 1, { what: 'a running call' })
  await within(second.listening.close({ graceMs: 50 }), 2000, 'the close')
  assert.notEqual((await within(stuck, 2000, 'the end of the call')).error, undefined)
  await until(() => second.harness.inFlight() === 0, { what: 'its end here' })
})

test('the answer of a call that ends in the drain arrives whole at a slow reader', async (t) => {
  const { client, service, listening } = await inboundGrpc(t, { behaviour: { initial: { 'x-a': 'b' } } })
  const stream = client().watch({ id: 's', count: 200, answerBytes: 65_536 })
  stream.on('error', (error) => assert.fail(error))
  await until(() => service.ledger.times('s') === 1, { what: 'a running call' })
  const closing = listening.close({ graceMs: 20_000 })
  let bytes = 0
  for await (const answer of stream) {
    bytes += (answer as { payload: Buffer }).payload.length
    if (bytes % (65_536 * 20) === 0) await delay(5)
  }
  assert.equal(bytes, 200 * 65_536)
  await within(closing, 5000, 'the close')
})

async function restarts(t: Cleanup, secured: boolean, times: number): Promise<void> {
  const ca = TestCa.create()
  const identity = servingIdentity(ca)
  const harness = inboundHarness()
  const { runtime } = listeningRuntime(harness, secured ? { identity, inboundMtls: 'strict' } : {})
  const start = async (port: number): ReturnType<Serve> => {
    const service = new PricingService(() => ({ delayMs: 1 }))
    t.after(() => service.close())
    return serve({ [RUNTIME]: runtime }, pricingGrpc(service), { signals: false, host: '127.0.0.1', port })
  }
  const servers = [await start(0), await start(0)]
  t.after(() => Promise.all(servers.map((server) => server.close({ graceMs: 0 }))))
  const how: ChannelCredentials = secured
    ? grpcCredentials(ca, ca.issue({ service: 'orders' }))
    : credentials.createInsecure()
  const pricing = closing(
    t,
    new Pricing(`ipv4:${servers.map(({ port }) => `127.0.0.1:${port}`).join(',')}`, how, {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 100,
      'grpc.min_reconnect_backoff_ms': 50,
    }),
  )
  let over = false
  let sent = 0
  const lost: string[] = []
  const caller = async (): Promise<void> => {
    while (!over) {
      sent++
      const { error } = await observe(pricing, 'quote', { options: { deadline: Date.now() + 10_000 } })
      if (error !== undefined) lost.push(error.message)
    }
  }
  const callers = Array.from({ length: 16 }, caller)
  for (let n = 0; n < times; n++) {
    const at = n % 2
    await delay(25)
    const { port } = servers[at]!
    await servers[at]!.close()
    servers[at] = await start(port)
    // The other one is next, and must not be the only one a caller has no connection to.
    await delay(250)
  }
  over = true
  await Promise.all(callers)
  assert.deepEqual(lost, [], `${lost.length} of ${sent} calls were lost`)
  assert.ok(sent > times * 20, `${sent} calls`)
}

test('FAULTS 62: ten restarts under load lose no unary call of a plain client', (t) => restarts(t, false, 10))

test('FAULTS 62: nor over mutual TLS', (t) => restarts(t, true, 6))
