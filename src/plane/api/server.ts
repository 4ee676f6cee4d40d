import { constants } from 'node:crypto'
import { createServer, type Server } from 'node:https'
import type { SecureContextOptions } from 'node:tls'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Logger } from '../../core/ports.ts'
import { RateLimit } from '../access/rate-limit.ts'
import { Refusal } from '../refusal.ts'
import { adminRoutes } from './admin-routes.ts'
import { errorAnswer } from './answer-error.ts'
import { authorityRoutes } from './authority-routes.ts'
import { elsewhereRoutes } from './elsewhere-routes.ts'
import { guard, routeOf } from './guard.ts'
import { memberRoutes } from './member-routes.ts'
import type { Parts } from './parts.ts'
import type { Peers } from './peer.ts'
import { registryRoutes } from './registry-routes.ts'

/** Of one connection's certificate and trust. */
export interface PlaneTls {
  /** PEM: leaf first, then what leads to the root, the root included: who joins pins it. */
  readonly cert: string
  /** PEM. */
  readonly key: string
  /** PEM each: whom we believe. */
  readonly ca: readonly string[]
}

export interface ServerOptions {
  readonly tls: PlaneTls
  readonly peers: Peers
  /** Default 10,000. */
  readonly maxConnections?: number | undefined
}

/** Anybody can be refused as often as he likes; the log is for people. */
const SAID = { perSecond: 1, burst: 100 }
const BODY_BYTES = 1024 * 1024
const HANDSHAKE_MS = 5000
/** For a whole request to arrive; answers, long polls among them, take their own time. */
const REQUEST_MS = 30_000
const HEADERS_MS = 10_000
/** Longer than any client of ours keeps a connection idle. */
const KEEP_ALIVE_MS = 75_000
/** Asking about a thousand services is a long line. */
const HEADER_BYTES = 96 * 1024

export interface PlaneServer {
  readonly app: FastifyInstance
  /** For the handshakes to come. */
  setTls(tls: PlaneTls): void
}

/** The plane's HTTPS server, not yet listening. */
export function planeServer(
  parts: Parts,
  { tls, peers, maxConnections = 10_000 }: ServerOptions,
): PlaneServer {
  const { log, audit, door, wall, clock } = parts
  let server: Server | undefined
  const app = Fastify({
    serverFactory: (handler) => {
      server = createServer(
        {
          ...contextOf(tls),
          requestCert: true,
          // Who shows none may still ask for trust, or join by a token; each route says whom it wants (`guard.ts`).
          rejectUnauthorized: false,
          handshakeTimeout: HANDSHAKE_MS,
          ALPNProtocols: ['http/1.1'],
          maxHeaderSize: HEADER_BYTES,
          requestTimeout: REQUEST_MS,
          headersTimeout: HEADERS_MS,
          keepAliveTimeout: KEEP_ALIVE_MS,
        },
        handler,
      )
      server.maxConnections = maxConnections
      survive(server, log)
      return server
    },
    bodyLimit: BODY_BYTES,
    // What matters of every request is in the audit log.
    logger: false,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 200 },
    exposeHeadRoutes: false,
  })
  const said = new RateLimit(SAID, clock)
  app.setErrorHandler((error, request, reply) => {
    const { status, body, retryAfterMs } = errorAnswer(error, log)
    request.detail = body.message
    if ((status === 401 || status === 403) && said.take(''))
      log.warn(`refused: ${body.message}`, { from: request.ip, route: routeOf(request) })
    if (retryAfterMs !== undefined) reply.header('retry-after', Math.max(1, Math.ceil(retryAfterMs / 1000)))
    return reply.code(status).send(body)
  })
  app.setNotFoundHandler((request) => {
    throw new Refusal('unknown', `there is no ${request.method} ${request.url.split('?', 1)[0]}`)
  })
  guard(app, { door, peers, audit, wall })
  publicRoutes(app, parts)
  memberRoutes(app, parts)
  adminRoutes(app, parts)
  if (parts.own === undefined) elsewhereRoutes(app)
  else {
    registryRoutes(app, parts, parts.own)
    authorityRoutes(app, parts, parts.own)
  }
  return { app, setTls: (next) => server?.setSecureContext(contextOf(next)) }
}

function publicRoutes(app: FastifyInstance, { trustDomain, version, wall }: Parts): void {
  const open = { config: { allow: 'anyone', audit: 'quiet' } } as const
  app.get('/livez', open, async () => 'ok\n')
  app.get('/readyz', open, async () => 'ok\n')
  app.get('/v1/info', open, async () => ({ version, wall: wall(), trustDomain: trustDomain() }))
}

/**
 * No session is ever resumed: a resumed one is not verified again. There are no tickets, and without a listener for
 * `resumeSession` Node's servers keep no sessions.
 */
function contextOf({ cert, key, ca }: PlaneTls): SecureContextOptions {
  return {
    cert,
    key,
    ca: [...ca],
    minVersion: 'TLSv1.2',
    ciphers: 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:ECDHE+AESGCM',
    honorCipherOrder: true,
    // Nor does anybody become somebody else on a connection that is open.
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  }
}

/** A handshake that is garbage, half, or broken off must never be more than one closed socket. */
function survive(server: Server, log: Logger): void {
  server.on('connection', (socket) => socket.on('error', () => {}))
  server.on('secureConnection', (socket) => socket.on('error', () => {}))
  server.on('tlsClientError', (error, socket) => {
    log.debug('a TLS handshake failed', { from: socket.remoteAddress, error: error.message })
    socket.on('error', () => {})
    socket.destroy()
  })
}
