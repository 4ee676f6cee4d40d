import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { MeshError } from '../core/errors.ts'
import type { MtlsMode } from '../core/identity.ts'
import type { PathMode, Runtime } from '../core/runtime.ts'
import { type Application, type Served, served, upgradeOf } from './application.ts'
import type { DrainingHttp } from './draining-http.ts'
import { answerClientError, limitedServer } from './http-server.ts'
import { handle, handleUpgrade, type InboundOptions } from './inbound.ts'
import type { ServerLimits } from './limits.ts'
import { checkServeOptions } from './serve-options.ts'
import { shutdownOn } from './signals.ts'

export interface ServeOptions {
  /** Default 0: any free port. */
  readonly port?: number | undefined
  /** The address to listen on; default every one, IPv6 included. */
  readonly host?: string | undefined
  /** Signals on which the mesh is drained and closed; default `['SIGTERM']`. */
  readonly signals?: readonly NodeJS.Signals[] | false | undefined
  /** How long requests in flight may take at the end, in milliseconds; default 30 s for `close`, the mesh's own for signals. */
  readonly graceMs?: number | undefined
  readonly limits?: Partial<ServerLimits> | undefined
  /**
   * Who may come in: `strict`, peers that prove their identity; `permissive`, plaintext as well, counted; `disable`,
   * anybody in plaintext, a public door where the mesh's headers are not believed. Default the mesh's own mode.
   */
  readonly mtls?: MtlsMode | undefined
  /** How paths are made canonical; default the mesh's own. */
  readonly paths?: PathMode | undefined
}

/** A server that is listening. */
export interface MeshServer {
  readonly port: number
  /** `http://127.0.0.1:3000`: an address that reaches it from this machine; `https://` where nothing but TLS does. */
  readonly url: string
  address(): AddressInfo
  /** Drains this server alone: the mesh and its other servers stay. Safe to call again. */
  close(options?: { readonly graceMs?: number | undefined }): Promise<void>
}

const DEFAULT_SIGNALS: readonly NodeJS.Signals[] = ['SIGTERM']
const DEFAULT_GRACE_MS = 30_000

/**
 * `mesh.serve`: puts the inbound stack around an application, listens once the mesh is ready, and takes part in its
 * drain.
 *
 * @throws TULLE_CONFIG for an application it cannot serve or an option it does not know; TULLE_CLOSED where the mesh is shutting down; the system's
 * error where it cannot listen
 */
export function createServe(
  runtime: Runtime,
): (app: Application, options?: ServeOptions) => Promise<MeshServer> {
  return async (app, options = {}) => {
    checkServeOptions(options)
    const { server, limits, draining, mtls, door } = limitedServer(runtime, options.limits, options.mtls)
    connect(runtime, server, draining, served(app), {
      paths: options.paths,
      maxHeaders: limits.maxHeaders,
      track: draining,
      door,
    })
    await runtime.whenReady()
    await listening(server, options)
    draining.listensAs(mtls)
    if (runtime.state === 'draining' || runtime.state === 'closed') {
      // Nobody will drain it any more.
      await comeToRest(runtime, draining, 0)
      const message = 'mesh.serve began to listen when the mesh was already shutting down.'
      throw new MeshError('TULLE_CLOSED', message, { layer: 'server' })
    }
    server.on('error', (error) => runtime.log.error('the server failed', { error }))
    runtime.servers.add(draining)
    const { signals = DEFAULT_SIGNALS, graceMs } = options
    const forget = signals === false ? () => {} : shutdownOn(runtime, signals, graceMs)
    return new Serving(runtime, server, draining, graceMs ?? DEFAULT_GRACE_MS, forget)
  }
}

/** Every event by which a request can arrive leads through the stack. */
function connect(
  runtime: Runtime,
  server: Server,
  draining: DrainingHttp,
  app: Served,
  inbound: InboundOptions,
): void {
  const listener = (req: IncomingMessage, res: ServerResponse): unknown => app.request(req, res)
  server.on('request', (req, res) => handle(runtime, req, res, listener, inbound))
  // Refused before its body is asked for, or else asked for as Node would.
  const afterContinue = (req: IncomingMessage, res: ServerResponse): unknown => {
    if (app.has('checkContinue')) return app.run('checkContinue', req, res)
    res.writeContinue()
    return app.request(req, res)
  }
  server.on('checkContinue', (req, res) => handle(runtime, req, res, afterContinue, inbound))
  if (app.has('checkExpectation')) {
    const expecting = (req: IncomingMessage, res: ServerResponse): unknown =>
      app.run('checkExpectation', req, res)
    server.on('checkExpectation', (req, res) => handle(runtime, req, res, expecting, inbound))
  }
  // Only where somebody upgrades: with a listener here Node no longer serves `Upgrade: h2c` as the plain request it also is.
  app.onUpgrade(() => {
    server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) =>
      handleUpgrade(runtime, req, socket, head, upgradeOf(app), inbound),
    )
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (app.has('clientError')) app.run('clientError', error, socket)
    else answerClientError(error, socket, draining)
  })
}

function listening(server: Server, { port = 0, host }: ServeOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
}

class Serving implements MeshServer {
  readonly port: number
  readonly url: string
  readonly #runtime: Runtime
  readonly #address: AddressInfo
  readonly #draining: DrainingHttp
  readonly #graceMs: number
  readonly #forget: () => void
  #closing: Promise<void> | undefined

  constructor(runtime: Runtime, server: Server, draining: DrainingHttp, graceMs: number, forget: () => void) {
    this.#runtime = runtime
    this.#address = server.address() as AddressInfo
    this.#draining = draining
    this.#graceMs = graceMs
    this.#forget = forget
    this.port = this.#address.port
    const scheme = draining.listener?.mtls === 'strict' ? 'https' : 'http'
    this.url = `${scheme}://${reachable(this.#address)}:${this.port}`
    server.once('close', () => {
      forget()
      runtime.servers.remove(draining)
    })
  }

  address(): AddressInfo {
    return this.#address
  }

  close({ graceMs = this.#graceMs }: { readonly graceMs?: number | undefined } = {}): Promise<void> {
    this.#closing ??= this.#close(graceMs)
    return this.#closing
  }

  async #close(graceMs: number): Promise<void> {
    await comeToRest(this.#runtime, this.#draining, graceMs)
    this.#forget()
    this.#runtime.servers.remove(this.#draining)
  }
}

/** The drain of one server by itself: out of the registry first, accepting until its callers know. */
export async function comeToRest(runtime: Runtime, draining: DrainingHttp, graceMs: number): Promise<void> {
  draining.announce()
  await runtime.retire?.(draining)
  const grace = new AbortController()
  const disarm = runtime.clock.after(graceMs, () => grace.abort())
  await draining.finish(grace.signal)
  disarm()
  draining.destroy()
}

function reachable({ address, family }: AddressInfo): string {
  if (address === '::' || address === '0.0.0.0') return '127.0.0.1'
  return family === 'IPv6' ? `[${address}]` : address
}
