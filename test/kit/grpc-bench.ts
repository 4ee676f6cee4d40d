import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { type CallCredentials, type ChannelOptions, Metadata, type StatusObject } from '@grpc/grpc-js'
import type { Attempt } from '../../src/core/attempt.ts'
import type { Call } from '../../src/core/call.ts'
import type { Cancel, Observer } from '../../src/core/hop.ts'
import type { Leaf } from '../../src/core/leaf.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import type { GrpcWire, Link } from '../../src/grpc/wire.ts'
import { makeAttempt, makeCall, makeRoute } from './builders.ts'
import { until } from './wait.ts'

export const NO_OPTIONS: Readonly<ChannelOptions> = Object.freeze({})

export interface FakeWireOptions {
  readonly method?: string
  readonly metadata?: Metadata
  readonly credentials?: CallCredentials
  readonly channelOptions?: Readonly<ChannelOptions>
  /** What the application sends; default one message of two bytes. */
  readonly messages?: readonly Buffer[]
  /** The application closes its side after the last one. Default true. */
  readonly closes?: boolean
  /** How many messages it reads; default all. */
  readonly reads?: number
}

/** The application's side of one call, kept in memory: what it sends is fed to every attempt from the first. */
export class FakeWire implements GrpcWire {
  readonly method: string
  readonly host = 'orders.mesh'
  readonly metadata: Metadata
  readonly credentials: CallCredentials | undefined
  readonly channelOptions: Readonly<ChannelOptions>
  readonly heard: string[] = []
  readonly messages: Buffer[] = []
  initial: Metadata | undefined
  status: StatusObject | undefined
  link: Link | undefined
  attached = 0
  readonly #sends: readonly Buffer[]
  readonly #closes: boolean
  #reads: number

  constructor(options: FakeWireOptions = {}) {
    this.method = options.method ?? '/test.Echo/Unary'
    this.metadata = options.metadata ?? new Metadata()
    this.credentials = options.credentials
    this.channelOptions = options.channelOptions ?? NO_OPTIONS
    this.#sends = options.messages ?? [Buffer.from('hi')]
    this.#closes = options.closes ?? true
    this.#reads = options.reads ?? Number.POSITIVE_INFINITY
  }

  attach(link: Link): void {
    this.link = link
    this.attached++
    if (this.#reads-- > 0) link.read()
    const next = (at: number): void => {
      if (this.link !== link) return
      const message = this.#sends[at]
      if (message !== undefined) link.write(message, undefined, () => next(at + 1))
      else if (this.#closes) link.halfClose()
    }
    next(0)
  }

  detach(link: Link): void {
    if (this.link === link) this.link = undefined
  }

  onMetadata(metadata: Metadata): void {
    this.heard.push('metadata')
    this.initial = metadata
  }

  onMessage(message: Buffer): void {
    this.heard.push('message')
    this.messages.push(message)
    if (this.#reads-- > 0) this.link?.read()
  }

  onStatus(status: StatusObject): void {
    this.heard.push('status')
    this.status = status
  }
}

export function grpcCall(wire: GrpcWire, more: Partial<Call<GrpcWire>> = {}): Call<GrpcWire> {
  return makeCall<GrpcWire>({
    protocol: 'grpc',
    method: 'POST',
    path: wire.method,
    route: makeRoute(),
    wire,
    builtInCovers: 'sent',
    covers: 'sent',
    ...more,
  })
}

/** One attempt, sent, and what was heard of it. */
export class Sent implements Observer {
  readonly events: ('sent' | 'head' | 'end')[] = []
  readonly wire: FakeWire
  readonly attempt: Attempt<GrpcWire>
  cancel: Cancel = () => {}
  begun: Outcome | undefined
  outcome: Outcome | undefined
  readonly #disposition: 'deliver' | 'discard'

  constructor(
    leaf: Leaf,
    options: FakeWireOptions & {
      readonly attempt?: Partial<Attempt<GrpcWire>>
      readonly call?: Partial<Call<GrpcWire>>
      readonly disposition?: 'deliver' | 'discard'
    } = {},
  ) {
    this.wire = new FakeWire(options)
    this.#disposition = options.disposition ?? 'deliver'
    this.attempt = makeAttempt<GrpcWire>({
      call: grpcCall(this.wire, options.call),
      ...options.attempt,
    })
    this.cancel = leaf.hop(this.attempt, this)
  }

  sent(): void {
    this.events.push('sent')
  }

  head(outcome: Outcome): 'deliver' | 'discard' {
    this.events.push('head')
    this.begun = outcome
    return this.#disposition
  }

  end(outcome: Outcome): void {
    this.events.push('end')
    this.outcome = outcome
  }

  ended(withinMs = 5000): Promise<Outcome> {
    return until(() => this.outcome, { what: 'the end of the attempt', withinMs, seen: () => this.events })
  }
}

export interface H2Listening {
  readonly port: number
  readonly server: Http2Server
  readonly sessions: Set<ServerHttp2Session>
  readonly streams: () => number
  close(): Promise<void>
}

/** A server that speaks HTTP/2 and no gRPC but what `onStream` writes itself. */
export async function serveH2(
  onStream: (stream: ServerHttp2Stream, headers: Record<string, unknown>) => void,
  server: Http2Server = createServer(),
): Promise<H2Listening> {
  const sessions = new Set<ServerHttp2Session>()
  const sockets = new Set<Socket>()
  let streams = 0
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('tlsClientError', () => {})
  server.on('session', (session) => {
    sessions.add(session)
    session.on('error', () => {})
    session.on('close', () => sessions.delete(session))
  })
  server.on('stream', (stream, headers) => {
    streams++
    stream.on('error', () => {})
    onStream(stream, headers)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    server,
    sessions,
    streams: () => streams,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const session of sessions) session.destroy()
        for (const socket of sockets) socket.destroy()
        server.on('connection', (socket: Socket) => socket.destroy())
      }),
  }
}

export const GRPC_HEADERS = { ':status': 200, 'content-type': 'application/grpc' } as const

/** The five bytes of gRPC's framing, then the message. */
export function framed(message: Buffer, compressed = 0): Buffer {
  const head = Buffer.alloc(5)
  head[0] = compressed
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

/** Initial metadata, one message, a status. */
export function answer(stream: ServerHttp2Stream, message: Buffer, status = 0, details = ''): void {
  stream.respond(GRPC_HEADERS, { waitForTrailers: true })
  stream.on('wantTrailers', () =>
    stream.sendTrailers({
      'grpc-status': String(status),
      ...(details === '' ? {} : { 'grpc-message': details }),
    }),
  )
  stream.end(framed(message))
}

/** An answer that is a status alone. */
export function trailersOnly(
  stream: ServerHttp2Stream,
  status: number,
  details = '',
  more: Record<string, string> = {},
): void {
  stream.respond(
    { ...GRPC_HEADERS, 'grpc-status': String(status), 'grpc-message': details, ...more },
    { endStream: true },
  )
}
