import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { MeshError } from '../core/errors.ts'
import type { Runtime } from '../core/runtime.ts'
import { Connections } from './connections.ts'
import { DrainingHttp } from './draining-http.ts'
import { DEFAULT_LIMITS, type ServerLimits } from './limits.ts'
import { refuseRaw, wasAnsweredEarly } from './refuse.ts'

export interface LimitedServer {
  readonly server: Server
  readonly limits: ServerLimits
  readonly draining: DrainingHttp
}

const LIMITED = new WeakMap<Server, LimitedServer>()

/** What `limitedServer` knows of a server it made; undefined for one made by somebody else. */
export function limitedServerOf(server: Server): LimitedServer | undefined {
  return LIMITED.get(server)
}

/** A Node server with every limit armed and an answer for every request that cannot be parsed. Routes nothing yet. */
export function limitedServer(runtime: Runtime, more: Partial<ServerLimits> = {}): LimitedServer {
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
  const connections = new Connections(limits)
  const draining = new DrainingHttp(runtime.service, server, runtime.clock, connections)
  admitConnections(server, connections)
  server.on('timeout', (socket: Socket) => {
    const exchange = draining.of(socket)
    if (exchange === undefined) socket.destroy()
    else exchange.idle(limits.idleTimeoutMs)
  })
  const limited = { server, limits, draining }
  LIMITED.set(server, limited)
  return limited
}

/** Node's own listener parses whatever it is given, so it must not be given what is refused. */
function admitConnections(server: Server, connections: Connections): void {
  const parse = server.listeners('connection') as ((socket: Socket) => void)[]
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    if (connections.admit(socket)) for (const listener of parse) listener.call(server, socket)
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
