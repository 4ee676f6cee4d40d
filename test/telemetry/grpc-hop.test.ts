import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { Metadata, Server, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js'
import { SpanKind } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node'
import { client, serve } from '../../src/grpc/index.ts'
import { createMesh } from '../../src/index.ts'
import { closing, quote } from '../kit/grpc/observe.ts'
import { type Answer, type Ask, PRICING, Pricing } from '../kit/grpc/pricing.ts'
import { pricingServer } from '../kit/grpc/pricing-server.ts'
import type { Behave } from '../kit/grpc/pricing-service.ts'
import { TWICE } from '../kit/grpc/setting.ts'
import { idOf, parentIdOf, TestMeters, TestSdk } from '../kit/otel.ts'
import type { Cleanup } from '../kit/process.ts'
import { until } from '../kit/wait.ts'

const sdk = new TestSdk()
const meters = new TestMeters()
after(() => meters.stop())
beforeEach(() => {
  sdk.taken()
})

/** web → orders → pricing: two meshes in this process, and a server without one behind them. */
async function hops(t: Cleanup, behave: Behave = {}) {
  const pricing = await pricingServer(t, behave)
  const common = { env: {}, log: 'error' as const }
  const orders = createMesh({
    ...common,
    service: 'orders',
    endpoints: { pricing: pricing.address },
    policy: { version: 1, services: { pricing: { routes: [TWICE] } } },
  })
  t.after(() => orders.close())
  const inner = closing(t, client(orders, Pricing, 'pricing'))
  /** The values of `traceparent` as they came to `orders`, per call. */
  const carried: string[][] = []
  const server = new Server()
  const quoting = (call: ServerUnaryCall<Ask, Answer>, done: sendUnaryData<Answer>): void => {
    carried.push(call.metadata.get('traceparent').map(String))
    quote(inner, call.request).then((answer) => done(null, answer), done)
  }
  server.addService(Pricing.service, { Quote: quoting })
  const bound = await serve(orders, server, { port: 0, host: '127.0.0.1', signals: false })
  const web = createMesh({ ...common, service: 'web', endpoints: { orders: `127.0.0.1:${bound.port}` } })
  t.after(() => web.close())
  return { caller: closing(t, client(web, Pricing, 'orders')), carried }
}

/** The spans that end from now on, as soon as there are so many. */
async function spansOf(count: number): Promise<readonly ReadableSpan[]> {
  const spans: ReadableSpan[] = []
  await until(
    () => {
      spans.push(...sdk.taken())
      return spans.length >= count
    },
    { what: `${count} spans`, seen: () => spans.map(({ name, kind }) => `${kind} ${name}`) },
  )
  assert.equal(spans.length, count)
  return spans
}

const statusOf = ({ attributes }: ReadableSpan): unknown => attributes['rpc.response.status_code']

test('two hops are one trace: a client and a server span each, retries as events, one traceparent', async (t) => {
  const { caller, carried } = await hops(t, (_, nth) => (nth === 1 ? { code: status.UNAVAILABLE } : {}))
  await quote(caller, { id: 'one' })
  const spans = await spansOf(3)
  for (const { name } of spans) assert.equal(name, `${PRICING}/Quote`)
  assert.equal(new Set(spans.map((span) => span.spanContext().traceId)).size, 1)
  const server = spans.find(({ kind }) => kind === SpanKind.SERVER)!
  const first = spans.find((span) => idOf(span) === parentIdOf(server))!
  const second = spans.find((span) => parentIdOf(span) === idOf(server))!
  assert.deepEqual([first.kind, parentIdOf(first)], [SpanKind.CLIENT, undefined])
  assert.equal(second.kind, SpanKind.CLIENT)
  assert.deepEqual(
    second.events.map(({ attributes }) => attributes?.['rpc.response.status_code']),
    ['UNAVAILABLE', 'OK'],
  )
  assert.deepEqual(spans.map(statusOf), ['OK', 'OK', 'OK'])
  assert.deepEqual(carried, [[`00-${first.spanContext().traceId}-${idOf(first)}-01`]])
  const served = await meters.point('rpc.server.call.duration', { 'rpc.method': `${PRICING}/Quote` })
  assert.equal(served?.value.count, 1)
  const called = await meters.points('rpc.client.call.duration')
  assert.deepEqual(called.map(({ attributes }) => attributes['server.address']).sort(), ['orders', 'pricing'])
  assert.deepEqual(await meters.points('http.client.request.duration'), [])
  assert.deepEqual(await meters.points('http.server.request.duration'), [])
})

test('a traceparent that an instrumentation wrote arrives alone, and the client span is its', async (t) => {
  const { caller, carried } = await hops(t)
  const written = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
  const metadata = new Metadata()
  metadata.set('traceparent', written)
  await quote(caller, {}, metadata)
  const spans = await spansOf(3)
  assert.deepEqual(carried, [[written]])
  const server = spans.find(({ kind }) => kind === SpanKind.SERVER)!
  assert.equal(parentIdOf(server), 'b'.repeat(16))
  const ours = spans.find(({ kind }) => kind === SpanKind.INTERNAL)
  assert.equal(ours?.name, 'tulle orders')
  assert.equal(ours.events.length, 1)
})

test('a call that is cancelled ends every span of its trace, once and as CANCELLED', async (t) => {
  const { caller, carried } = await hops(t, { never: true })
  const call = caller.quote({}, () => {})
  await until(() => carried.length === 1, { what: 'the call at orders' })
  call.cancel()
  const spans = await spansOf(3)
  assert.deepEqual(spans.map(statusOf), ['CANCELLED', 'CANCELLED', 'CANCELLED'])
})
