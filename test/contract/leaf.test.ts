import { createSecureServer, createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { NO_AMBIENT } from '../../src/core/ambient.ts'
import type { TransportDeps } from '../../src/core/leaf.ts'
import { createGrpcLeafFactory } from '../../src/grpc/leaf.ts'
import { HttpCall } from '../../src/http/call.ts'
import { Exchange } from '../../src/http/exchange.ts'
import { createHttpLeafFactory, type HttpLeafDeps } from '../../src/http/leaf.ts'
import { parseCallOptions } from '../../src/http/options.ts'
import type { Receiver } from '../../src/http/receiver.ts'
import { HttpRequest } from '../../src/http/request.ts'
import { ambientStore } from '../../src/platform/als.ts'
import { asyncMark } from '../../src/platform/async-mark.ts'
import { systemClock, systemWall } from '../../src/platform/clock.ts'
import { FakeEndpoint, FakeService, makeAttempt, makeRoute } from '../kit/builders.ts'
import { TestCa } from '../kit/certificates.ts'
import { answer, FakeWire, framed, GRPC_HEADERS, grpcCall, serveH2, trailersOnly } from '../kit/grpc-bench.ts'
import { deadPort, type Listening, serveTcp } from '../kit/http-harness.ts'
import { TestIdentity } from '../kit/test-identity.ts'
import { serveTls, tlsOptions } from '../kit/tls-server.ts'
import { leafContract, type PeerBehaviour } from './leaf.ts'

const ANSWERS: Readonly<Record<PeerBehaviour, string>> = {
  answers: 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
  'answers failure': 'HTTP/1.1 503 Busy\r\ncontent-length: 2\r\n\r\nno',
  'never answers': '',
  'stalls in the body': 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok',
  'resets before an answer': '',
  'resets in the body': 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok',
  refuses: '',
}

const READS_ALL: Receiver = {
  onConnect() {},
  onHeaders: () => true,
  onData: () => true,
  onComplete() {},
  onError() {},
}

interface Way {
  readonly serve: (onSocket: (socket: Socket) => void) => Promise<Listening>
  readonly cut: (socket: Socket) => void
  readonly more: Partial<HttpLeafDeps>
}

function contractOver(name: string, { serve, cut, more }: Way): void {
  leafContract(name, async (peer) => {
    let executed = 0
    const server: Listening | undefined =
      peer === 'refuses'
        ? undefined
        : await serve((socket) =>
            socket.on('data', () => {
              executed++
              socket.write(ANSWERS[peer], () => {
                if (peer.startsWith('resets')) setTimeout(() => cut(socket), 5)
              })
            }),
          )
    const port = server?.port ?? Number((await deadPort()).split(':')[1])
    const endpoint = new FakeEndpoint(new FakeService(), port)
    const leaf = createHttpLeafFactory({ clock: systemClock, wall: systemWall, ...more }).open(endpoint)
    const exchange = new Exchange(new HttpRequest({ path: '/', method: 'GET' }))
    exchange.receiver = READS_ALL
    const call = new HttpCall(exchange, 'orders.mesh', makeRoute(), NO_AMBIENT, parseCallOptions(undefined))
    return {
      leaf,
      attempt: makeAttempt({ call, endpoint, startedMs: systemClock.now() }),
      executed: () => executed,
      async close() {
        await server?.close()
        await leaf.close()
      },
    }
  })
}

contractOver('http', { serve: serveTcp, cut: (socket) => socket.resetAndDestroy(), more: {} })

const ca = TestCa.create()
for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
  contractOver(`http over mutual TLS (${maxVersion})`, {
    serve: (onSocket) => serveTls({ svid: ca.issue(), ca, more: { maxVersion } }, onSocket),
    cut: (socket) => socket.destroy(),
    more: { identity: new TestIdentity({ ca }) },
  })
}

/** @param cut resets the connection, as a host does that is gone */
type Reply = (stream: ServerHttp2Stream, cut: () => void) => void

const REPLIES: Readonly<Record<Exclude<PeerBehaviour, 'refuses'>, Reply>> = {
  answers: (stream) => answer(stream, Buffer.from('ok')),
  'answers failure': (stream) => trailersOnly(stream, 14, 'busy'),
  'never answers': () => {},
  'stalls in the body': (stream) => begin(stream),
  'resets before an answer': (_stream, cut) => setTimeout(cut, 5),
  'resets in the body': (stream, cut) => {
    begin(stream)
    setTimeout(cut, 20)
  },
}

function begin(stream: ServerHttp2Stream): void {
  stream.respond(GRPC_HEADERS)
  stream.write(framed(Buffer.from('ok')))
}

function grpcContractOver(name: string, listen: () => Http2Server, more: Partial<TransportDeps>): void {
  leafContract(name, async (peer) => {
    let executed = 0
    const listener = listen()
    const sockets = new Set<Socket>()
    listener.on('connection', (socket: Socket) => sockets.add(socket))
    const cut = (): void => {
      for (const socket of sockets) socket.resetAndDestroy()
    }
    const server =
      peer === 'refuses'
        ? undefined
        : await serveH2((stream) => {
            stream.resume()
            stream.once('end', () => {
              executed++
              REPLIES[peer](stream, cut)
            })
          }, listener)
    const port = server?.port ?? Number((await deadPort()).split(':')[1])
    const endpoint = new FakeEndpoint(new FakeService(), port)
    const leaf = createGrpcLeafFactory({
      clock: systemClock,
      wall: systemWall,
      random: () => 0.5,
      log: SILENT_LOG,
      mtls: { mode: more.identity === undefined ? 'disable' : 'strict', written: false },
      ambient: ambientStore,
      asyncMark,
      ...more,
    }).open(endpoint)
    const call = grpcCall(new FakeWire())
    return {
      leaf,
      attempt: makeAttempt({ call, endpoint, startedMs: systemClock.now() }),
      executed: () => executed,
      async close() {
        await server?.close()
        await leaf.close()
      },
    }
  })
}

const SILENT_LOG = { debug() {}, info() {}, warn() {}, error() {} }

grpcContractOver('grpc', () => createServer(), {})
grpcContractOver(
  'grpc over mutual TLS',
  () => createSecureServer(tlsOptions({ svid: ca.issue(), ca })) as unknown as Http2Server,
  { identity: new TestIdentity({ ca }) },
)
