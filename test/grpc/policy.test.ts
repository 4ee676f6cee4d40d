import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { client } from '../../src/grpc/index.ts'
import { createMesh, type Mesh } from '../../src/index.ts'
import { type Answer, PRICING, Pricing, type PricingClient } from '../kit/grpc/pricing.ts'
import { pricingServer } from '../kit/grpc/pricing-server.ts'
import type { Execution, PricingBehaviour } from '../kit/grpc/pricing-service.ts'
import { within } from '../kit/wait.ts'

/** What a policy says of gRPC calls, over real sockets. */
function meshOf(t: TestContext, pricing: object): Mesh {
  const mesh = createMesh({ service: 'web', policy: { version: 1, services: { pricing } } } as never)
  t.after(() => mesh.close())
  return mesh
}

interface Said {
  readonly error: ServiceError | null
  readonly answer: Answer | undefined
}

const quote = (to: PricingClient, options = {}, waitForReady = false): Promise<Said> =>
  within(
    new Promise((resolve) => {
      const metadata = new Metadata({ waitForReady })
      to.quote({ id: 'a' }, metadata, options, (error, answer) => resolve({ error, answer }))
    }),
    10_000,
    'a quote',
  )

const earlier = ({ metadata }: Execution): string | undefined =>
  metadata.get('grpc-previous-rpc-attempts')[0]?.toString()

/** Fails so often, then answers. */
const failing =
  (times: number, how: PricingBehaviour) =>
  (_: Execution, nth: number): PricingBehaviour =>
    nth <= times ? how : {}

test('a status that the route of the method names is sent again, and the server is told which attempt it sees', async (t) => {
  const server = await pricingServer(t, failing(2, { code: status.ABORTED }))
  const mesh = meshOf(t, {
    endpoints: [server.address],
    routes: [
      { match: { grpc: { service: PRICING, method: 'Quote' } }, retry: { limit: 3, retryOn: ['aborted'] } },
    ],
  })
  const { answer } = await quote(client(mesh, Pricing, 'pricing'))
  assert.equal(answer?.id, 'a')
  assert.deepEqual(server.ledger.executions.map(earlier), [undefined, '1', '2'])
})

test('where another method is named, the status is delivered as it is', async (t) => {
  const server = await pricingServer(t, failing(2, { code: status.ABORTED, details: 'not now' }))
  const mesh = meshOf(t, {
    endpoints: [server.address],
    routes: [{ match: { grpc: { method: 'Watch' } }, retry: { retryOn: ['aborted'] } }],
  })
  const { error } = await quote(client(mesh, Pricing, 'pricing'))
  assert.deepEqual([error?.code, error?.details], [status.ABORTED, 'not now'])
  assert.equal(server.ledger.executions.length, 1)
})

test('what has begun to answer is not sent again, nor what the server asks not to', async (t) => {
  for (const how of [
    { code: status.UNAVAILABLE, initial: { begun: 'yes' } },
    { code: status.UNAVAILABLE, pushback: '-1' },
    { code: status.UNAVAILABLE, pushback: 'soon' },
  ]) {
    const server = await pricingServer(t, failing(1, how))
    const mesh = meshOf(t, { endpoints: [server.address], retry: { retryOn: ['unavailable'] } })
    const { error } = await quote(client(mesh, Pricing, 'pricing'))
    assert.equal(error?.code, status.UNAVAILABLE)
    assert.equal(server.ledger.executions.length, 1, JSON.stringify(how))
  }
})

test('a pushback is waited for, to the millisecond and no back-off besides', async (t) => {
  const server = await pricingServer(t, failing(1, { code: status.UNAVAILABLE, pushback: '150' }))
  const mesh = meshOf(t, {
    endpoints: [server.address],
    retry: { retryOn: ['unavailable'], backoff: { base: '60s', max: '60s' } },
  })
  const startedMs = performance.now()
  const { error } = await quote(client(mesh, Pricing, 'pricing'))
  assert.equal(error, null)
  assert.ok(performance.now() - startedMs >= 149)
})

test('a call that waits for ready waits for a server that comes later; another says at once that there is none', async (t) => {
  const first = await pricingServer(t)
  const { port } = first
  first.close()
  const mesh = meshOf(t, { endpoints: [`127.0.0.1:${port}`] })
  const pricing = client(mesh, Pricing, 'pricing')
  const { error } = await quote(pricing)
  assert.equal(error?.code, status.UNAVAILABLE)
  const waiting = quote(pricing, {}, true)
  await pricingServer(t, {}, { port })
  assert.equal((await waiting).answer?.id, 'a')
})

test('a call that waits for ready ends at its deadline', async (t) => {
  const mesh = meshOf(t, { endpoints: ['127.0.0.1:1'] })
  const { error } = await quote(client(mesh, Pricing, 'pricing'), { deadline: Date.now() + 300 }, true)
  assert.equal(error?.code, status.DEADLINE_EXCEEDED)
})

test('one service with an HTTP and a gRPC port gets each call at the right one', async (t) => {
  const grpc = await pricingServer(t)
  const paths: (string | undefined)[] = []
  const http = createServer((request, response) => {
    paths.push(request.url)
    response.end('http')
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  t.after(() => http.close())
  const { port } = http.address() as AddressInfo
  const mesh = meshOf(t, {
    endpoints: [
      { address: `127.0.0.1:${port}`, protocol: 'http' },
      { address: grpc.address, protocol: 'grpc' },
    ],
  })
  const pricing = client(mesh, Pricing, 'pricing')
  for (let n = 0; n < 20; n++) {
    assert.equal((await quote(pricing)).error, null)
    assert.equal(await (await mesh.fetch('http://pricing.mesh/v1')).text(), 'http')
  }
  assert.equal(grpc.ledger.executions.length, 20)
  assert.deepEqual(new Set(paths), new Set(['/v1']))
  assert.equal(paths.length, 20)
})

test('a service that listens for HTTP alone is UNAVAILABLE over gRPC, and the error says why', async (t) => {
  const mesh = meshOf(t, { endpoints: [{ address: '127.0.0.1:1', protocol: 'http' }] })
  const { error } = await quote(client(mesh, Pricing, 'pricing'))
  assert.equal(error?.code, status.UNAVAILABLE)
  assert.match(error?.details ?? '', /no endpoint speaks gRPC; its one endpoint is registered for HTTP/)
})
