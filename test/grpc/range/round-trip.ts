import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Metadata, Server, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js'
import { createClient } from 'nice-grpc'
import { channel, client, meshOf, serve, statusOf } from '../../../src/grpc/index.ts'
import { createMesh, isMeshError } from '../../../src/index.ts'
import { Ask as Asking, PricingService as Definition } from '../../kit/grpc/generated/pricing.ts'
import { closing, observe, quote } from '../../kit/grpc/observe.ts'
import { type Answer, type Ask, Pricing } from '../../kit/grpc/pricing.ts'
import { pricingGrpc } from '../../kit/grpc/pricing-server.ts'
import { type Behave, PricingService } from '../../kit/grpc/pricing-service.ts'
import { meshOver } from '../../kit/grpc/twin-clients.ts'

/** Run by `versions.test.ts` with each end of the supported range: through the mesh, out and in. */

const SILENT = { debug() {}, info() {}, warn() {}, error() {} }

async function served(t: TestContext, server: Server) {
  const mesh = createMesh({ service: 'pricing', logger: SILENT, env: {} })
  t.after(() => mesh.close())
  const listening = await serve(mesh, server, { host: '127.0.0.1', signals: false })
  return { address: `127.0.0.1:${listening.port}`, listening }
}

async function pricing(t: TestContext, behaviour: Behave = {}) {
  const service = new PricingService(behaviour)
  t.after(() => service.close())
  return { service, ...(await served(t, pricingGrpc(service))) }
}

const ASKS = [1, 2, 3].map((n) => ({ id: `${n}`, quantity: n, count: 3, payload: Buffer.alloc(200_000, n) }))

test('every kind of call, with metadata and trailers', async (t) => {
  const { address, service } = await pricing(t, {
    initial: { 'x-initial': 'a' },
    trailers: { 'x-trailer-bin': Buffer.from([255]) },
  })
  const one = closing(t, client(await meshOver(t, address), Pricing, 'pricing'))
  const metadata = new Metadata()
  metadata.set('x-mine-bin', Buffer.from([0]))
  for (const [method, answers] of [
    ['quote', 1],
    ['upload', 1],
    ['watch', 3],
    ['chat', 3],
  ] as const) {
    const seen = await observe(one, method, { asks: ASKS, metadata })
    assert.deepEqual([seen.status?.code, seen.answers.length], [status.OK, answers], method)
    assert.deepEqual(seen.metadata?.['x-initial'], ['a'])
    assert.deepEqual(seen.status?.metadata['x-trailer-bin'], [Buffer.from([255])])
    assert.equal(seen.peer, address)
  }
  const agent = String(service.ledger.executions[0]?.metadata.get('user-agent'))
  assert.ok(agent.includes(`grpc-node-js/${process.env.EXPECTED_GRPC_JS ?? ''}`), agent)
  for (const { metadata: sent } of service.ledger.executions)
    assert.deepEqual(sent.get('x-mine-bin'), [Buffer.from([0])])
})

test('a handler’s failure, a deadline and a cancelled call', async (t) => {
  const { address, service } = await pricing(t, { code: status.FAILED_PRECONDITION, details: 'sold out' })
  const one = closing(t, client(await meshOver(t, address), Pricing, 'pricing'))
  const failed = await observe(one, 'quote')
  assert.deepEqual([failed.status?.code, failed.status?.details], [status.FAILED_PRECONDITION, 'sold out'])
  service.behaviour = { never: true }
  const late = await observe(one, 'watch', { options: { deadline: Date.now() + 100 } })
  assert.equal(late.status?.code, status.DEADLINE_EXCEEDED)
  const cancelled = await observe(one, 'chat', { onCall: (call) => void setTimeout(() => call.cancel(), 50) })
  assert.equal(cancelled.status?.code, status.CANCELLED)
})

test('two servers, one of which nobody has started: no call fails', async (t) => {
  const { address, service } = await pricing(t)
  const one = closing(t, client(await meshOver(t, '127.0.0.1:1', address), Pricing, 'pricing'))
  for (let n = 0; n < 20; n++) await quote(one, { id: `${n}` })
  for (let n = 0; n < 20; n++) assert.equal(service.ledger.times(`${n}`), 1)
})

test('nobody serves: the error says who was tried and what to do', async (t) => {
  const one = closing(t, client(await meshOver(t, '127.0.0.1:1'), Pricing, 'pricing'))
  const error = await quote(one).catch(
    (thrown: unknown) => thrown as Error & { code: number; details: string },
  )
  assert.ok('details' in error)
  assert.equal(error.code, status.UNAVAILABLE)
  assert.match(error.details, /127\.0\.0\.1:1/)
  assert.ok(isMeshError(error.cause))
})

test('a drained server ends its calls and takes no more', async (t) => {
  const { address, listening, service } = await pricing(t, { delayMs: 100 })
  const one = closing(t, client(await meshOver(t, address), Pricing, 'pricing'))
  const running = Array.from({ length: 5 }, (_, n) => quote(one, { id: `${n}` }))
  await running[0]
  const last = quote(one, { id: 'last' })
  while (service.ledger.times('last') === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  await Promise.all([listening.close(), last, ...running])
  assert.equal((await observe(one, 'quote')).status?.code, status.UNAVAILABLE)
})

test('meshOf and statusOf in a handler, and nice-grpc over the channel', async (t) => {
  const back = await pricing(t, { code: status.ABORTED, details: 'try later' })
  const inner = closing(t, client(await meshOver(t, back.address), Pricing, 'pricing'))
  const remaining: number[] = []
  const server = new Server()
  server.addService(Pricing.service, {
    quote(call: ServerUnaryCall<Ask, Answer>, done: sendUnaryData<Answer>) {
      remaining.push(meshOf(call)?.remainingMs() ?? 0)
      quote(inner).then(
        (answer) => done(null, answer),
        (error) => done(statusOf(error)),
      )
    },
  })
  const { address } = await served(t, server)
  const mesh = await meshOver(t, address)
  const own = client(mesh, Pricing, 'pricing')
  const seen = await observe(closing(t, own), 'quote', { options: { deadline: Date.now() + 5000 } })
  assert.deepEqual([seen.status?.code, seen.status?.details], [status.ABORTED, 'try later'])
  assert.ok(remaining[0]! > 3000 && remaining[0]! <= 5000, String(remaining))
  const nice = createClient(Definition, channel(mesh, 'pricing'))
  await assert.rejects(nice.quote(Asking.fromPartial({})), { code: status.ABORTED, details: 'try later' })
})
