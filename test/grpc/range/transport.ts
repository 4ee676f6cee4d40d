import assert from 'node:assert/strict'
import { createServer as createHttp } from 'node:http'
import {
  constants,
  createSecureServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import { type AddressInfo, createServer as createFront, type Socket } from 'node:net'
import { test } from 'node:test'
import { Metadata, status } from '@grpc/grpc-js'
import type { Leaf, TransportDeps } from '../../../src/core/leaf.ts'
import { createGrpcLeafFactory } from '../../../src/grpc/leaf.ts'
import { ambientStore } from '../../../src/platform/als.ts'
import { systemClock, systemWall } from '../../../src/platform/clock.ts'
import { FakeEndpoint, FakeService } from '../../kit/builders.ts'
import { type IssueOptions, TestCa } from '../../kit/certificates.ts'
import { answer, framed, GRPC_HEADERS, Sent, serveH2, trailersOnly } from '../../kit/grpc-bench.ts'
import { TestIdentity } from '../../kit/test-identity.ts'
import { tlsOptions } from '../../kit/tls-server.ts'
import { until } from '../../kit/wait.ts'

/** What the leaf relies on, for either end of the range of grpc-js. */

function leafTo(port: number, more: Partial<TransportDeps> = {}): Leaf {
  return createGrpcLeafFactory({
    clock: systemClock,
    wall: systemWall,
    random: () => 0.5,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    mtls: { mode: more.identity === undefined ? 'disable' : 'strict', written: false },
    ambient: ambientStore,
    ...more,
  }).open(new FakeEndpoint(new FakeService(), port))
}

const ok = (stream: ServerHttp2Stream): void => {
  stream.resume()
  stream.once('end', () => answer(stream, Buffer.from('ok')))
}

test('FAULTS 11: a stream that is refused is provably unsent', async () => {
  const server = await serveH2((stream) => stream.close(7))
  const leaf = leafTo(server.port)
  const outcome = await new Sent(leaf).ended()
  assert.deepEqual([outcome.condition, outcome.unsent, outcome.committed], ['refused-stream', true, false])
  await leaf.close()
  await server.close()
})

test('FAULTS 11: after a GOAWAY new calls get a new connection, and the old one finishes its own', async () => {
  const held: ServerHttp2Stream[] = []
  const server = await serveH2((stream) => (held.length === 0 ? void held.push(stream) : ok(stream)))
  const leaf = leafTo(server.port)
  const old = new Sent(leaf)
  await until(() => held.length === 1, { what: 'the first call' })
  const [first] = server.sessions
  first?.goaway(0, 1)
  await until(() => new Promise((resolve) => setTimeout(() => resolve(true), 20)), { what: 'the GOAWAY' })
  const next = new Sent(leaf)
  assert.equal((await next.ended()).class, 'success')
  assert.equal(old.outcome, undefined)
  ok(held[0] as ServerHttp2Stream)
  assert.equal((await old.ended()).class, 'success')
  await leaf.close()
  await server.close()
})

test('the status that a server passes on from a call of its own does not make ours unsent', async () => {
  for (const details of [
    'No connection established',
    'Stream refused by server',
    'Connection dropped',
    'Received HTTP status code 503',
  ]) {
    const server = await serveH2((stream) => trailersOnly(stream, 14, details))
    const leaf = leafTo(server.port)
    const sent = new Sent(leaf)
    const outcome = await sent.ended()
    assert.deepEqual([outcome.condition, outcome.unsent, outcome.error], ['gateway-error', false, undefined])
    assert.equal(sent.wire.status?.details, details)
    await leaf.close()
    await server.close()
  }
})

test('SECURITY 38: an answer of HTTP is told from one of gRPC, by its status', async () => {
  for (const [status, code] of [
    [404, 12],
    [503, 14],
    [200, 2],
  ] as const) {
    const server = await serveH2((stream) => {
      stream.respond({ ':status': status, 'content-type': 'text/plain' })
      stream.end('404 page not found')
    })
    const leaf = leafTo(server.port)
    const sent = new Sent(leaf)
    await sent.ended()
    assert.equal(sent.wire.status?.code, code, String(status))
    assert.match(sent.wire.status.details, /HTTP, not gRPC/)
    await leaf.close()
    await server.close()
  }
})

test('SECURITY 38: an answer that only looks like gRPC inside is read to its end, however little is asked for', async () => {
  const server = await serveH2((stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/json' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.write(framed(Buffer.from('a')))
    stream.end(framed(Buffer.from('b')))
  })
  const leaf = leafTo(server.port)
  const sent = new Sent(leaf, { reads: 1 })
  await sent.ended()
  assert.deepEqual([sent.wire.heard, sent.wire.status?.code], [['status'], status.UNKNOWN])
  await leaf.close()
  await server.close()
})

test('SECURITY 37: a message that declares 800 MB is our own limit, and nobody is charged', async () => {
  const server = await serveH2((stream) => {
    stream.respond(GRPC_HEADERS)
    stream.write(Buffer.concat([Buffer.from([0, 0x2f, 0xaf, 0x08, 0]), Buffer.alloc(1000)]))
  })
  const leaf = leafTo(server.port)
  const sent = new Sent(leaf)
  const outcome = await sent.ended()
  assert.equal(outcome.class, 'ignored')
  assert.equal(sent.wire.status?.code, 8)
  assert.match(sent.wire.status.details, /grpc\.max_receive_message_length/)
  await leaf.close()
  await server.close()
})

test('a message over max_send is our own limit too', async () => {
  const server = await serveH2(ok)
  const leaf = leafTo(server.port)
  const sent = new Sent(leaf, {
    channelOptions: { 'grpc.max_send_message_length': 10 },
    messages: [Buffer.alloc(100)],
  })
  assert.equal((await sent.ended()).class, 'ignored')
  assert.match(sent.wire.status?.details ?? '', /grpc\.max_send_message_length/)
  await leaf.close()
  await server.close()
})

test('metadata that HTTP/2 does not take is the caller’s own fault, and no reason to try elsewhere', async () => {
  const server = await serveH2(ok)
  const leaf = leafTo(server.port)
  const metadata = new Metadata()
  metadata.add('referer', 'a')
  metadata.add('referer', 'b')
  const sent = new Sent(leaf, { metadata })
  const outcome = await sent.ended()
  assert.deepEqual(
    [outcome.class, outcome.unsent, sent.wire.status?.code],
    ['ignored', false, status.INTERNAL],
  )
  assert.match(sent.wire.status?.details ?? '', /referer.*metadata of this call/)
  assert.equal(server.streams(), 0)
  await leaf.close()
  await server.close()
})

test('a connection that breaks in the body is a reset that is committed', async () => {
  const server = await serveH2((stream) => {
    stream.respond(GRPC_HEADERS)
    stream.write(framed(Buffer.from('x')), () => setTimeout(() => stream.close(2), 20))
  })
  const leaf = leafTo(server.port)
  const outcome = await new Sent(leaf).ended()
  assert.deepEqual([outcome.condition, outcome.committed, outcome.unsent], ['reset', true, false])
  await leaf.close()
  await server.close()
})

/** Whether a connection is only taken for made when the peer has spoken HTTP/2 on it. */
const ASKS_FIRST = Number(process.env.EXPECTED_GRPC_JS?.split('.')[1] ?? 14) > 12

test('a server of HTTP/1.1 is said to be one, and where that is found before a call goes out it is unsent', async () => {
  const server = createHttp((_, response) => response.end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const leaf = leafTo((server.address() as AddressInfo).port)
  const outcome = await new Sent(leaf).ended()
  const found = ASKS_FIRST ? ['connect-failure', true] : ['reset', false]
  assert.deepEqual([outcome.condition, outcome.unsent], found)
  assert.equal(outcome.error?.code, 'TULLE_PROTOCOL', outcome.error?.message)
  assert.match(outcome.error.message, /does not speak HTTP\/2/)
  await leaf.close()
  server.closeAllConnections()
  server.close()
})

const ca = TestCa.create()
const secure = (issue: IssueOptions): Http2Server =>
  createSecureServer(tlsOptions({ svid: ca.issue(issue), ca })) as unknown as Http2Server

test('FAULTS 41: a peer that is somebody else, or out of date, is refused with the reason', async () => {
  const now = Date.now()
  for (const [issue, reason] of [
    [{ service: 'pricing' }, /pricing/],
    [{ notBeforeMs: now - 9e6, notAfterMs: now - 1e6 }, /has expired/],
    [{ notBeforeMs: now + 9e6, notAfterMs: now + 1e8 }, /not yet valid/],
  ] as const) {
    const server = await serveH2(ok, secure(issue))
    const leaf = leafTo(server.port, { identity: new TestIdentity({ ca }) })
    const outcome = await new Sent(leaf).ended()
    assert.deepEqual(
      [outcome.condition, outcome.unsent, outcome.error?.code],
      ['connect-failure', true, 'TULLE_PEER'],
    )
    assert.match(outcome.error?.message ?? '', reason)
    assert.equal(server.streams(), 0)
    await leaf.close()
    await server.close()
  }
})

test('a port of plaintext is said to be one where TLS was meant', async () => {
  const server = await serveH2(ok)
  const leaf = leafTo(server.port, { identity: new TestIdentity({ ca }) })
  const outcome = await new Sent(leaf).ended()
  assert.deepEqual([outcome.error?.code, outcome.unsent], ['TULLE_TLS', true])
  assert.match(outcome.error?.message ?? '', /did not answer in TLS/)
  await leaf.close()
  await server.close()
})

test('where trust in a peer ends, what runs ends at once', async () => {
  const server = await serveH2(() => {}, secure({}))
  const identity = new TestIdentity({ ca })
  const leaf = leafTo(server.port, { identity })
  const sent = new Sent(leaf)
  await until(() => server.streams() === 1, { what: 'the call' })
  identity.denied.add(identity.idOf('orders') as string)
  identity.tell('trust')
  assert.deepEqual([sent.outcome?.condition, sent.outcome?.error?.code], ['reset', 'TULLE_RESET'])
  await leaf.close()
  await server.close()
})

const { NGHTTP2_INTERNAL_ERROR, NGHTTP2_PROTOCOL_ERROR, NGHTTP2_ENHANCE_YOUR_CALM } = constants
const sessionOf = (stream: ServerHttp2Stream): ServerHttp2Session => stream.session as ServerHttp2Session

/** Ways in which a server that has read a whole call may end its connection before any answer. */
const ENDS: (readonly [string, (stream: ServerHttp2Stream, socket: Socket) => void])[] = [
  ['a GOAWAY with an internal error', (stream) => sessionOf(stream).goaway(NGHTTP2_INTERNAL_ERROR, 1)],
  ['a GOAWAY with a protocol error', (stream) => sessionOf(stream).goaway(NGHTTP2_PROTOCOL_ERROR, 1)],
  ['a GOAWAY that asks for calm', (stream) => sessionOf(stream).goaway(NGHTTP2_ENHANCE_YOUR_CALM, 1)],
  ['a broken session', (stream) => sessionOf(stream).destroy(new Error('broken'), NGHTTP2_INTERNAL_ERROR)],
  ['an end without a word', (stream) => sessionOf(stream).destroy()],
  ['a reset of the connection', (_, socket) => socket.resetAndDestroy()],
  ['bytes that are no HTTP/2', (_, socket) => socket.write(Buffer.alloc(100, 'HTTP/1.1 '))],
]
// Node 20 tells nobody of such bytes: the connection is mute from then on, and the time of the call ends it.
if (process.version.startsWith('v20.')) ENDS.pop()

for (const [what, end] of ENDS)
  test(`FAULTS 58: a call that was read whole is not unsent, though the first word on its connection is ${what}`, async () => {
    const sockets: Socket[] = []
    const h2 = await serveH2((stream) => {
      stream.resume()
      stream.once('end', () => end(stream, sockets[0] as Socket))
    })
    // In front of it, so that what HTTP/2 would not write can be written.
    const front = createFront((socket) => {
      sockets.push(socket.on('error', () => {}))
      h2.server.emit('connection', socket)
    })
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
    const leaf = leafTo((front.address() as AddressInfo).port)
    const outcome = await new Sent(leaf).ended()
    assert.deepEqual([outcome.class, outcome.unsent], ['failure', false], outcome.error?.message)
    await leaf.close()
    front.close()
    await h2.close()
  })
