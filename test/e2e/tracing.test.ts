import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, beforeEach, describe, test } from 'node:test'
import { context, propagation, SpanKind, trace } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node'
import { createMesh } from '../../src/mesh.ts'
import { idOf, parentIdOf, TestSdk } from '../kit/otel.ts'
import { until } from '../kit/wait.ts'

/** One trace across real sockets: a caller, `orders` served through the mesh, and `stock` behind it, which only listens. */

const sdk = new TestSdk()
const seen: IncomingMessage[] = []
let answers: number[] = []
const stock = createServer((req, res) => {
  seen.push(req)
  res.statusCode = answers.shift() ?? 200
  res.end('{}')
})
const orders = createMesh({ service: 'orders', env: {}, policy: { version: 1, services: {} } })
let web: ReturnType<typeof createMesh>
let port = 0

const spansOf = async (count: number): Promise<ReadableSpan[]> => {
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
const headerLines = (req: IncomingMessage, name: string): number =>
  req.rawHeaders.filter((text, at) => at % 2 === 0 && text.toLowerCase() === name).length

describe('one trace', () => {
  let outbound: ReturnType<typeof createMesh>
  before(async () => {
    await new Promise<void>((resolve) => stock.listen(0, '127.0.0.1', resolve))
    const { port: stockPort } = stock.address() as AddressInfo
    outbound = createMesh({ service: 'orders', env: {}, endpoints: { stock: `127.0.0.1:${stockPort}` } })
    await outbound.start()
    const server = await orders.serve(
      async (req, res) => {
        const more: Record<string, string> =
          req.url === '/own' ? { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` } : {}
        const answer = await outbound.fetch(`http://stock.mesh${req.url}?sig=secret&page=2`, {
          headers: more,
        })
        res.statusCode = answer.status
        res.end(await answer.text())
      },
      { port: 0, host: '127.0.0.1', signals: false },
    )
    port = (server.address() as AddressInfo).port
    web = createMesh({ service: 'web', env: {}, endpoints: { orders: `127.0.0.1:${port}` } })
    await web.start()
  })
  after(async () => {
    await web.close()
    await orders.close()
    await outbound.close()
    stock.close()
    trace.disable()
    context.disable()
    propagation.disable()
  })
  beforeEach(() => {
    seen.length = 0
    answers = []
    sdk.taken()
  })

  test('goes from the first call to the last request, each span a child of the one before', async () => {
    assert.equal((await web.fetch('http://orders.mesh/items')).status, 200)
    const spans = await spansOf(5)
    const byService = (kind: SpanKind, service?: string): ReadableSpan =>
      spans.find(
        (span) =>
          span.kind === kind && (service === undefined || Object.values(span.attributes).includes(service)),
      )!
    const chain = [
      byService(SpanKind.INTERNAL, 'orders'),
      byService(SpanKind.CLIENT, 'orders'),
      byService(SpanKind.SERVER),
      byService(SpanKind.INTERNAL, 'stock'),
      byService(SpanKind.CLIENT, 'stock'),
    ]
    for (let at = 1; at < chain.length; at++) assert.equal(parentIdOf(chain[at]!), idOf(chain[at - 1]!))
    assert.equal(new Set(spans.map((span) => span.spanContext().traceId)).size, 1)
    assert.equal(seen[0]?.headers.traceparent, `00-${spans[0]!.spanContext().traceId}-${idOf(chain[4]!)}-01`)
    assert.equal(headerLines(seen[0]!, 'traceparent'), 1)
    assert.equal(chain[4]?.attributes['url.full'], 'http://stock.mesh/items?sig=REDACTED&page=2')
  })

  test('shows each attempt of a retried call, and one header on each', async () => {
    answers = [503, 200]
    assert.equal((await web.fetch('http://orders.mesh/items')).status, 200)
    const clients = (await spansOf(6)).filter(
      (span) => span.kind === SpanKind.CLIENT && span.attributes['server.address'] === 'stock',
    )
    assert.deepEqual(
      clients.map(({ attributes }) => [
        attributes['http.response.status_code'],
        attributes['http.request.resend_count'],
      ]),
      [
        [503, undefined],
        [200, 1],
      ],
    )
    assert.equal(parentIdOf(clients[0]!), parentIdOf(clients[1]!))
    assert.deepEqual(
      seen.map((req) => String(req.headers.traceparent).split('-')[2]),
      clients.map(idOf),
    )
    for (const req of seen) assert.equal(headerLines(req, 'traceparent'), 1)
  })

  test('leaves a traceparent that the application wrote itself as it is, the only one', async () => {
    await web.fetch('http://orders.mesh/own')
    assert.equal(seen[0]?.headers.traceparent, `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`)
    assert.equal(headerLines(seen[0]!, 'traceparent'), 1)
    const spans = await spansOf(4)
    assert.equal(spans.filter((span) => span.kind === SpanKind.CLIENT).length, 1)
  })

  test('has one client span and one header where undici is instrumented by somebody else', async () => {
    // As instrumentations of undici do: a span and its headers at the moment the request is made.
    const instrumentation = (message: unknown): void => {
      const { request } = message as { request: { addHeader(name: string, value: string): void } }
      const span = sdk.tracer().startSpan('undici', { kind: SpanKind.CLIENT })
      const headers: Record<string, string> = {}
      propagation.inject(trace.setSpan(context.active(), span), headers)
      for (const [name, value] of Object.entries(headers)) request.addHeader(name, value)
      span.end()
    }
    subscribe('undici:request:create', instrumentation)
    try {
      await web.fetch('http://orders.mesh/items')
      const spans = await spansOf(5)
      const clients = spans.filter((span) => span.kind === SpanKind.CLIENT)
      assert.deepEqual(
        clients.map(({ name }) => name),
        ['undici', 'undici'],
      )
      const logical = spans.filter((span) => span.kind === SpanKind.INTERNAL).map(idOf)
      for (const span of clients) assert.ok(logical.includes(parentIdOf(span)!))
      assert.equal(headerLines(seen[0]!, 'traceparent'), 1)
      assert.equal(new Set(spans.map((span) => span.spanContext().traceId)).size, 1)
    } finally {
      unsubscribe('undici:request:create', instrumentation)
    }
  })
})
