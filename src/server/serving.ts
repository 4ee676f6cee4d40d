import type { AddressInfo, Server } from 'node:net'
import { MeshError } from '../core/errors.ts'
import type { MtlsMode } from '../core/identity.ts'
import type { DrainingServer, Listening, Runtime } from '../core/runtime.ts'
import { shutdownOn } from './signals.ts'

export interface ServingOptions {
  readonly port?: number | undefined
  readonly host?: string | undefined
  readonly signals?: readonly string[] | false | undefined
  readonly graceMs?: number | undefined
}

/** A server of the mesh that is told when it listens, so that registration and health know where. */
export interface Listener extends DrainingServer {
  listensAs(mtls: MtlsMode): void
}

const DEFAULT_SIGNALS: readonly NodeJS.Signals[] = ['SIGTERM']
const DEFAULT_GRACE_MS = 30_000

/**
 * Listens once the mesh is ready, and takes part in its drain from then on.
 *
 * @throws TULLE_CLOSED where the mesh is shutting down; the system's error where it cannot listen
 */
export async function listening(
  runtime: Runtime,
  server: Server,
  draining: Listener,
  mtls: MtlsMode,
  options: ServingOptions,
): Promise<Serving> {
  await runtime.whenReady()
  await bound(server, options)
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
  const forget =
    signals === false ? () => {} : shutdownOn(runtime, signals as readonly NodeJS.Signals[], graceMs)
  return new Serving(runtime, server, draining, graceMs ?? DEFAULT_GRACE_MS, forget)
}

function bound(server: Server, { port = 0, host }: ServingOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
}

/** A server that is listening. */
export class Serving implements Listening {
  readonly port: number
  readonly #runtime: Runtime
  readonly #address: AddressInfo
  readonly #draining: DrainingServer
  readonly #graceMs: number
  readonly #forget: () => void
  #closing: Promise<void> | undefined

  constructor(
    runtime: Runtime,
    server: Server,
    draining: DrainingServer,
    graceMs: number,
    forget: () => void,
  ) {
    this.#runtime = runtime
    this.#address = server.address() as AddressInfo
    this.#draining = draining
    this.#graceMs = graceMs
    this.#forget = forget
    this.port = this.#address.port
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
export async function comeToRest(runtime: Runtime, draining: DrainingServer, graceMs: number): Promise<void> {
  draining.announce()
  await runtime.retire?.(draining)
  const grace = new AbortController()
  const disarm = runtime.clock.after(graceMs, () => grace.abort())
  await draining.finish(grace.signal)
  disarm()
  draining.destroy()
}
