import {
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import { type AddressInfo, createServer as createNetServer, type Socket } from 'node:net'
import type { Cleanup } from '../process.ts'

export interface RawCall {
  readonly stream: ServerHttp2Stream
  readonly headers: IncomingHttpHeaders
  readonly session: ServerHttp2Session
  /** Of all calls of the server, from 1. */
  readonly nth: number
}

export interface RawGrpcServer {
  readonly port: number
  readonly address: string
  /** Every call that arrived, also those that were refused. */
  readonly calls: readonly RawCall[]
  readonly sessions: ReadonlySet<ServerHttp2Session>
  /** Connections ever accepted. */
  readonly connections: number
  /** May be set while it runs. */
  answer: (call: RawCall) => void
  close(): Promise<void>
}

/** An HTTP/2 server that answers gRPC calls with whatever bytes and frames a test wants. */
export async function rawGrpcServer(t: Cleanup, answer: (call: RawCall) => void): Promise<RawGrpcServer> {
  const calls: RawCall[] = []
  const sessions = new Set<ServerHttp2Session>()
  const server = createServer()
  let connections = 0
  server.on('session', (session) => {
    connections++
    sessions.add(session)
    session.on('error', () => {})
    session.once('close', () => sessions.delete(session))
  })
  server.on('sessionError', () => {})
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    const call = { stream, headers, session: stream.session as ServerHttp2Session, nth: calls.length + 1 }
    calls.push(call)
    raw.answer(call)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = (): Promise<void> => {
    for (const session of sessions) session.destroy()
    return new Promise((resolve) => server.close(() => resolve()))
  }
  const raw: RawGrpcServer = {
    port,
    address: `127.0.0.1:${port}`,
    calls,
    sessions,
    get connections() {
      return connections
    },
    answer,
    close,
  }
  t.after(close)
  return raw
}

const GRPC = { ':status': 200, 'content-type': 'application/grpc+proto' }

/** One message as it goes over the wire: flag, length, bytes. `declared` lies about the length. */
export function frame(message: Uint8Array, { compressed = false, declared = message.length } = {}): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt8(compressed ? 1 : 0, 0)
  head.writeUInt32BE(declared, 1)
  return Buffer.concat([head, message])
}

/** Headers, messages and trailers: a call that went well, or ended with a code after its messages. */
export function answerWith(
  { stream }: RawCall,
  messages: readonly Buffer[],
  trailers: Readonly<Record<string, string>> = { 'grpc-status': '0' },
  headers: Readonly<Record<string, string>> = {},
): void {
  stream.on('wantTrailers', () => stream.sendTrailers(trailers))
  stream.respond({ ...GRPC, ...headers }, { waitForTrailers: true })
  for (const message of messages) stream.write(message)
  stream.end()
}

/** A status without anything before it. */
export function trailersOnly(
  { stream }: RawCall,
  code: number,
  more: Readonly<Record<string, string>> = {},
): void {
  stream.respond({ ...GRPC, 'grpc-status': String(code), ...more }, { endStream: true })
}

/** An answer that is no gRPC: a gateway's page, another program's. */
export function plainAnswer({ stream }: RawCall, status: number, type: string, body: string): void {
  stream.respond({ ':status': status, 'content-type': type })
  stream.end(body)
}

/** RST_STREAM, before any answer or, with `headersFirst`, after its headers. `NGHTTP2_REFUSED_STREAM` is 7. */
export function reset({ stream }: RawCall, code: number, { headersFirst = false } = {}): void {
  if (headersFirst) {
    // With trailers still to come Node does not end the stream before the reset.
    stream.respond(GRPC, { waitForTrailers: true })
    // The frame must leave before the reset that would take it along.
    setImmediate(() => stream.close(code))
  } else stream.close(code)
}

/**
 * GOAWAY that says the call was not looked at: its stream is above the last id, and is never answered. Not for the first
 * stream of a connection, because Node takes a last id of 0 for the one it saw last.
 */
export function goawayBelow({ stream, session }: RawCall, code = 0): void {
  if (stream.id === undefined || stream.id < 3) throw new Error('the first stream of a connection')
  session.goaway(code, stream.id - 2)
}

/** Headers, and then the connection is gone. */
export function dropAfterHeaders({ stream, session }: RawCall): void {
  stream.respond(GRPC)
  setImmediate(() => session.destroy())
}

/** A message of `bytes` zeros, which gzip makes a thousandth of that. */
export async function gzipBomb(call: RawCall, bytes: number): Promise<void> {
  const { gzipSync } = await import('node:zlib')
  const message = frame(gzipSync(Buffer.alloc(bytes)), { compressed: true })
  answerWith(call, [message], undefined, { 'grpc-encoding': 'gzip' })
}

/** A listener that speaks no HTTP/2 at all: it answers the first bytes of any connection with `text`, or with nothing. */
export async function deafServer(t: Cleanup, text?: string): Promise<{ port: number; address: string }> {
  const sockets = new Set<Socket>()
  const server = createNetServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    socket.on('data', () => {
      if (text !== undefined) socket.end(text)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise<void>((resolve) => server.close(() => resolve()))
  })
  const { port } = server.address() as AddressInfo
  return { port, address: `127.0.0.1:${port}` }
}
