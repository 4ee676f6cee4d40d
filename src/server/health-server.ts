import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Probes ask a few times a second; whoever wants more wants something else. */
const MAX_CONNECTIONS = 64
const HEAD_BYTES = 8192
/** For a head, a whole request and an idle connection alike, in milliseconds. */
const PATIENCE_MS = 5000

export interface HealthServerOptions {
  readonly port: number
  /** Default: every address, IPv6 included, for the probes come from outside the machine. */
  readonly host?: string | undefined
  /** `/livez`: false asks for a restart of the process. */
  live(): boolean
  /** `/readyz`: not while starting or draining. The reasons are read by everybody who can reach the port. */
  ready(): { readonly ok: boolean; readonly reasons: readonly string[] }
}

export interface HealthServer {
  readonly host: string
  readonly port: number
  /** Stops listening and ends what is open. Safe to call again. */
  close(): Promise<void>
}

/**
 * `/livez` and `/readyz` in plaintext on a port of their own, because kubelets and load balancers have no certificate:
 * 200 or 503, and nothing else is here (404). Never keeps the process alive.
 *
 * @throws the system's error where it cannot listen
 */
export async function createHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const server = createServer(
    {
      maxHeaderSize: HEAD_BYTES,
      headersTimeout: PATIENCE_MS,
      requestTimeout: PATIENCE_MS,
      keepAliveTimeout: PATIENCE_MS,
      connectionsCheckingInterval: 1000,
    },
    (req, res) => answer(options, req, res),
  )
  server.maxConnections = MAX_CONNECTIONS
  server.timeout = PATIENCE_MS
  const { host, port } = options
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
  server.on('error', () => {})
  server.unref()
  const { address, port: bound } = server.address() as AddressInfo
  let closing: Promise<void> | undefined
  return {
    host: address,
    port: bound,
    close: () => {
      closing ??= new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
      return closing
    },
  }
}

function answer(options: HealthServerOptions, req: IncomingMessage, res: ServerResponse): void {
  const path = req.url?.split('?', 1)[0]
  if (path !== '/livez' && path !== '/readyz') send(res, 404, { error: 'there is /livez and /readyz' })
  else if (req.method !== 'GET' && req.method !== 'HEAD') {
    res.setHeader('allow', 'GET, HEAD')
    send(res, 405, { error: 'there is GET and HEAD' })
  } else {
    const { ok, reasons } = stateOf(options, path)
    send(res, ok ? 200 : 503, { ok, reasons })
  }
}

/** Who cannot say how it is, is not well. */
function stateOf(
  options: HealthServerOptions,
  path: '/livez' | '/readyz',
): { readonly ok: boolean; readonly reasons: readonly string[] } {
  try {
    return path === '/livez' ? { ok: options.live(), reasons: [] } : options.ready()
  } catch {
    return { ok: false, reasons: ['the state could not be read'] }
  }
}

function send(res: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body)
  res.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  })
  res.end(text)
}
