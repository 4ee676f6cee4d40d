import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { MeshError } from '../core/errors.ts'
import type { MtlsMode } from '../core/identity.ts'
import type { Runtime } from '../core/runtime.ts'
import { Connections } from './connections.ts'
import { Door, listenerMode } from './door.ts'
import { DrainingHttp } from './draining-http.ts'
import { guard } from './guard.ts'
import type { Handshakes } from './handshakes.ts'
import { DEFAULT_LIMITS, type ServerLimits } from './limits.ts'
import { refuseRaw, wasAnsweredEarly } from './refuse.ts'

export interface LimitedServer {
  readonly server: Server
  readonly limits: ServerLimits
  readonly draining: DrainingHttp
  readonly mtls: MtlsMode
  /** Undefined: nobody is judged by who he is. */
  readonly door: Door | undefined
}

const LIMITED = new WeakMap<Server, LimitedServer>()

/** What `limitedServer` knows of a server it made; undefined for one made by somebody else. */
export function limitedServerOf(server: Server): LimitedServer | undefined {
  return LIMITED.get(server)
}

/**
 * A Node server with every limit armed and an answer for every request that cannot be parsed. Routes nothing yet.
 *
 * It is the listener in every mode: TLS is spoken on sockets that it has accepted, so drain and limits are the same.
 *
 * @param own the listener's mode; default the mesh's
 * @throws TULLE_CONFIG where TLS is asked for and the mesh has no identity
 */
export function limitedServer(
  runtime: Runtime,
  more: Partial<ServerLimits> = {},
  own?: MtlsMode,
): LimitedServer {
  const mtls = listenerMode(runtime, own)
  const limits = { ...DEFAULT_LIMITS, ...more }
  const server = createServer({
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    // Node looks for late requests this often; its default of 30 s would make a 10 s limit up to 40 s.
    connectionsCheckingInterval: Math.max(20, Math.min(1000, limits.headersTimeoutMs / 4)),
  })
  // Past its own maximum Node drops headers silently; ours are counted, and too many refused, in canonical.ts.
  server.maxHeadersCount = 0
  server.timeout = limits.idleTimeoutMs
  const connections = new Connections(limits, mtls !== 'disable')
  const draining = new DrainingHttp(runtime.service, server, runtime.clock, connections)
  const handshakes = admitConnections(runtime, server, connections, mtls, limits)
  if (handshakes !== undefined) draining.arriving = () => handshakes.underWay
  server.on('timeout', (socket: Socket) => {
    const exchange = draining.of(socket)
    if (exchange === undefined) socket.destroy()
    else exchange.idle(limits.idleTimeoutMs)
  })
  const limited = { server, limits, draining, mtls, door: Door.of(runtime, mtls) }
  LIMITED.set(server, limited)
  return limited
}

/** Node's own listener parses whatever it is given, so it must not be given what is refused. */
function admitConnections(
  runtime: Runtime,
  server: Server,
  connections: Connections,
  mtls: MtlsMode,
  { handshakeTimeoutMs }: ServerLimits,
): Handshakes | undefined {
  const listeners = server.listeners('connection') as ((socket: Socket) => void)[]
  const parse = (socket: Socket): void => {
    for (const listener of listeners) listener.call(server, socket)
  }
  server.removeAllListeners('connection')
  return guard(runtime, server, {
    connections,
    mtls,
    handshakeMs: handshakeTimeoutMs,
    alpn: ['http/1.1'],
    alpnOfProxies: 'h2',
    accepted: parse,
    turnAway: (socket, error) => {
      // What is left unread would turn the end into a reset, and the caller would never see the reason.
      socket.resume()
      refuseRaw(socket, error)
    },
  })
}

/** Answers what Node could not parse, where an answer cannot be taken for another request's. */
export function answerClientError(
  error: NodeJS.ErrnoException,
  socket: Duplex,
  draining: DrainingHttp,
): void {
  const exchange = draining.of(socket as Socket)
  const answered =
    exchange === undefined ? wasAnsweredEarly(socket) : exchange.answered || exchange.req.complete
  if (error.code === 'ECONNRESET') socket.destroy()
  // What was answered in good order still leaves before the connection ends.
  else if (answered) (socket as Socket).destroySoon()
  else refuseRaw(socket, ...explained(error))
}

function explained(error: NodeJS.ErrnoException): [MeshError, undefined, number | undefined] {
  const because = (code: 'TULLE_BAD_REQUEST' | 'TULLE_HEADERS_TOO_LARGE', message: string): MeshError =>
    new MeshError(code, message, { layer: 'http' })
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return [
        because('TULLE_HEADERS_TOO_LARGE', 'The head of the request is too large.'),
        undefined,
        undefined,
      ]
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return [because('TULLE_BAD_REQUEST', 'The chunk extensions are too large.'), undefined, 413]
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return [because('TULLE_BAD_REQUEST', 'The request did not arrive in time.'), undefined, 408]
    default:
      return [because('TULLE_BAD_REQUEST', 'The request is not HTTP/1.1.'), undefined, undefined]
  }
}
