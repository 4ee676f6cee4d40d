import assert from 'node:assert/strict'
import { connect, type OutgoingHttpHeaders } from 'node:http2'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { status } from '@grpc/grpc-js'
import { inboundGrpc } from '../kit/grpc/inbound.ts'
import { quote } from '../kit/grpc/observe.ts'
import { frame } from '../kit/grpc/raw-server.ts'
import { denying } from '../kit/inbound-harness.ts'
import type { Cleanup } from '../kit/process.ts'
import { until, within } from '../kit/wait.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const QUOTE = '/tulle.test.pricing.v1.Pricing/Quote'

interface RawAnswer {
  readonly headers: Record<string, unknown>
  readonly reset: number | undefined
  readonly error: string | undefined
}

/** One raw HTTP/2 request: what came back, a reset or a broken connection included. */
function raw(
  t: Cleanup,
  port: number,
  headers: OutgoingHttpHeaders,
  body: Buffer | undefined,
): Promise<RawAnswer> {
  const session = connect(`http://127.0.0.1:${port}`)
  t.after(() => session.destroy())
  session.on('error', () => {})
  const answer = new Promise<RawAnswer>((resolve) => {
    let got: Record<string, unknown> = {}
    let error: string | undefined
    const stream = session.request({
      ':method': 'POST',
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    })
    stream.on('response', (given) => {
      got = { ...got, ...given }
    })
    stream.on('trailers', (given) => {
      got = { ...got, ...given }
    })
    stream.on('error', (given) => {
      error = given.message
    })
    stream.on('close', () => resolve({ headers: got, reset: stream.rstCode, error }))
    stream.resume()
    if (body === undefined) return
    stream.end(body)
  })
  return within(answer, 5000, 'an answer')
}

test('incident 7: a handler runs for the exact path that was judged, and for no other spelling of it', async (t) => {
  const scene = await inboundGrpc(t, { layer: denying((path) => path === QUOTE) })
  const message = frame(Buffer.alloc(0))
  const spellings = [
    QUOTE,
    QUOTE.slice(1),
    `/${QUOTE}`,
    `${QUOTE}/`,
    `${QUOTE}?x=1`,
    `${QUOTE}#x`,
    QUOTE.replace('Quote', '../Pricing/Quote'),
    QUOTE.replace('/Quote', '/./Quote'),
    QUOTE.replace('Quote', '%51uote'),
    QUOTE.replace('/Quote', '%2FQuote'),
    QUOTE.toUpperCase(),
    `http://127.0.0.1${QUOTE}`,
    '*',
  ]
  for (const path of spellings) {
    const { headers, reset, error } = await raw(t, scene.port, { ':path': path }, message)
    const code = headers['grpc-status']
    const refused = path === QUOTE ? '14' : '12'
    assert.ok(
      code === refused || error !== undefined || (reset ?? 0) > 0,
      `${path}: ${JSON.stringify(headers)}`,
    )
  }
  assert.equal(scene.service.ledger.executions.length, 0)
  for (const { call } of scene.harness.seen) assert.equal(call.path, QUOTE)
})

test('two names of one host are one too many', async (t) => {
  const scene = await inboundGrpc(t)
  const message = frame(Buffer.alloc(0))
  for (const [host, ok] of [
    ['pricing.mesh', true],
    ['PRICING.mesh', true],
    ['evil.mesh', false],
  ] as const) {
    const before = scene.service.ledger.executions.length
    const answer = await raw(t, scene.port, { ':path': QUOTE, ':authority': 'pricing.mesh', host }, message)
    assert.equal(
      scene.service.ledger.executions.length - before,
      ok ? 1 : 0,
      `${host} ${JSON.stringify(answer)}`,
    )
  }
})

test('what is no gRPC at all is answered by HTTP, and reaches no layer', async (t) => {
  const scene = await inboundGrpc(t)
  const { headers } = await raw(
    t,
    scene.port,
    { ':path': QUOTE, 'content-type': 'text/html' },
    Buffer.from('x'),
  )
  assert.equal(headers[':status'], 415)
  assert.equal(scene.harness.seen.length, 0)
})

test('FAULTS 51, incident 37: lengths that lie, messages without an end and bombs are cut at the limit', async (t) => {
  const scene = await inboundGrpc(t, { server: { 'grpc.max_receive_message_length': 1_000_000 } })
  await quote(scene.client())
  const rss = (): number => {
    collect()
    return process.memoryUsage().rss
  }
  const bomb = frame(gzipSync(Buffer.alloc(256_000_000)), { compressed: true })
  const before = rss()
  const kinds: [OutgoingHttpHeaders, Buffer][] = [
    [{}, frame(Buffer.alloc(10), { declared: 800_000_000 })],
    [{}, frame(Buffer.alloc(1_000_001))],
    [{ 'grpc-encoding': 'gzip' }, bomb],
    [{ 'grpc-encoding': 'gzip' }, frame(Buffer.from('no gzip'), { compressed: true })],
    [{ 'grpc-encoding': 'br' }, frame(Buffer.from('unknown'), { compressed: true })],
    [{}, frame(Buffer.from([0xff, 0xff, 0xff]))],
  ]
  const codes: unknown[] = []
  for (let round = 0; round < 3; round++)
    for (const [headers, body] of kinds) {
      const answer = await raw(t, scene.port, { ':path': QUOTE, ...headers }, body)
      codes.push(answer.headers['grpc-status'])
    }
  const { RESOURCE_EXHAUSTED, INTERNAL, UNIMPLEMENTED } = status
  assert.deepEqual(codes.slice(0, kinds.length).map(Number), [
    RESOURCE_EXHAUSTED,
    RESOURCE_EXHAUSTED,
    RESOURCE_EXHAUSTED,
    INTERNAL,
    UNIMPLEMENTED,
    INTERNAL,
  ])
  await until(() => scene.harness.inFlight() === 0, { what: 'every call to end' })
  for (const { ends } of scene.harness.seen) assert.equal(ends.length, 1)
  const grown = (rss() - before) / 1_000_000
  t.diagnostic(`${Math.round(grown)} MB more after three rounds`)
  assert.ok(grown < 60, `${grown} MB more`)
  assert.equal(scene.service.ledger.executions.length, 1)
})

test('a message that never ends holds no more than was sent, and goes with its caller', async (t) => {
  const scene = await inboundGrpc(t)
  const never = raw(t, scene.port, { ':path': QUOTE }, undefined)
  await until(() => scene.harness.inFlight() === 1, { what: 'the call' })
  ;[...scene.harness.servers][0]?.destroy()
  await never
  await until(() => scene.harness.inFlight() === 0, { what: 'its end' })
  assert.equal(scene.service.ledger.executions.length, 0)
})
