import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { MtlsMode } from '../core/identity.ts'
import type { PathMode, Runtime } from '../core/runtime.ts'
import { type Application, type Served, served, upgradeOf } from './application.ts'
import type { DrainingHttp } from './draining-http.ts'
import { answerClientError, limitedServer } from './http-server.ts'
import { handle, handleUpgrade, type InboundOptions } from './inbound.ts'
import type { ServerLimits } from './limits.ts'
import { checkServeOptions } from './serve-options.ts'
import { listening, type Serving } from './serving.ts'

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
    const serving = await listening(runtime, server, draining, mtls, options)
    return new MeshServing(serving, mtls)
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

class MeshServing implements MeshServer {
  readonly port: number
  readonly url: string
  readonly #serving: Serving

  constructor(serving: Serving, mtls: MtlsMode) {
    this.#serving = serving
    this.port = serving.port
    this.url = `${mtls === 'strict' ? 'https' : 'http'}://${reachable(serving.address())}:${this.port}`
  }

  address(): AddressInfo {
    return this.#serving.address()
  }

  close(options?: { readonly graceMs?: number | undefined }): Promise<void> {
    return this.#serving.close(options)
  }
}

function reachable({ address, family }: AddressInfo): string {
  if (address === '::' || address === '0.0.0.0') return '127.0.0.1'
  return family === 'IPv6' ? `[${address}]` : address
}
