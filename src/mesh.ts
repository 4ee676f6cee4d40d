import { getGlobalDispatcher } from 'undici'
import { type Assembly, assemble, leavingDelayMs } from './assembly.ts'
import { type MeshOptions, readConfig } from './config.ts'
import { nearest } from './control/nearest.ts'
import { MeshError } from './core/errors.ts'
import { NOTHING_TO_CANCEL } from './core/hop.ts'
import type { RouteMatch } from './core/plan.ts'
import { type HasRuntime, RUNTIME, type Runtime } from './core/runtime.ts'
import { viewOf } from './endpoints/view.ts'
import { healthOf } from './health.ts'
import { createFetch, createRequest, type MeshFetch, type MeshRequest } from './http/fetch.ts'
import { MeshDispatcher } from './http/seam.ts'
import { ambientStore } from './platform/als.ts'
import { Description, type Health } from './report.ts'
import { drain } from './server/drain.ts'
import { createServe } from './server/http.ts'
import { type BuiltLayer, buildEndpoint } from './stack.ts'

/**
 * One process's part in the mesh: what a service calls others with, and what it is called through. Made by
 * `createMesh`; does no I/O before `start()`.
 */
export class Mesh implements HasRuntime, AsyncDisposable {
  /** What the built-in `fetch` does, over the mesh, with `mesh: { timeout, retry, idempotent, affinity }` beside its own options. */
  readonly fetch: MeshFetch
  /** `undici.request` over the mesh, with the same `mesh` options. */
  readonly request: MeshRequest
  /** For `setGlobalDispatcher`: mesh names go through the mesh, everything else to the dispatcher that was there before. */
  readonly dispatcher: MeshDispatcher
  /** Serves an Express app, an `http` listener or an `http.Server`, with drain. Starts the mesh where it is not yet. */
  readonly serve: ReturnType<typeof createServe>
  readonly #assembly: Assembly
  #draining: Promise<void> | undefined
  #closing: Promise<void> | undefined

  constructor(options: MeshOptions = {}) {
    this.#assembly = assemble(readConfig(options), {
      start: () => this.start(),
      health: () => this.health(),
      shutdown: async (how) => {
        await this.drain(how)
        await this.close()
      },
    })
    const { runtime } = this.#assembly
    const previous = getGlobalDispatcher()
    this.dispatcher = new MeshDispatcher(runtime, { previous: () => previous, nearest })
    this.fetch = createFetch(this.dispatcher)
    this.request = createRequest(this.dispatcher)
    this.serve = createServe(runtime)
  }

  /** For `tulle/express`, `tulle/fastify` and the other entry points. */
  get [RUNTIME](): Runtime {
    return this.#assembly.runtime
  }

  /** The name of this service. */
  get service(): string {
    return this.#assembly.config.service
  }

  /** Resolves once the mesh is ready; does not start it. Rejects where the start fails. */
  get ready(): Promise<void> {
    return this.#assembly.lifecycle.whenStarted()
  }

  /**
   * Reads the policy, then finds addresses. Idempotent; a call made before it starts the mesh by itself.
   * @throws {MeshError} TULLE_POLICY, TULLE_START naming the part, TULLE_CLOSED
   */
  async start(): Promise<void> {
    const first = this.#assembly.lifecycle.state === 'idle'
    await this.#assembly.lifecycle.start()
    if (first) for (const warning of this.#assembly.config.warnings) this.#assembly.log.warn(warning)
  }

  /**
   * Brings the servers to rest without losing a request: announce, keep serving, stop accepting, let what is in flight
   * finish. Calls to others work until `close()`.
   * `graceMs` is how long requests in flight may take, in milliseconds; default `TULLE_DRAIN_GRACE`.
   */
  drain({
    graceMs = this.#assembly.config.drainGraceMs,
  }: {
    readonly graceMs?: number | undefined
  } = {}): Promise<void> {
    if (this.#draining === undefined) {
      const serving = this.#assembly.runtime.servers.size > 0
      const { registrar } = this.#assembly.member
      this.#assembly.lifecycle.draining()
      this.#draining = drain({
        clock: this.#assembly.runtime.clock,
        log: this.#assembly.log,
        servers: this.#assembly.runtime.servers,
        deregister: registrar === undefined ? [] : [() => registrar.deregister()],
        propagationMs: serving ? leavingDelayMs(this.#assembly.config, this.#assembly.member) : 0,
        graceMs,
        refuse: () => this.#assembly.gate.refuse(),
      })
    }
    return this.#draining
  }

  /** Drains, waits for outgoing calls up to the drain's grace, and closes everything. Safe from any state. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** What state the mesh is in, and what is degraded. Never throws. */
  health(): Health {
    return healthOf(this.#assembly)
  }

  /**
   * The layers a call to this service goes through, as built, and what is known of its endpoints. Prints well.
   * @throws {MeshError} TULLE_UNKNOWN_SERVICE with the nearest name
   */
  describe(service: string): Description {
    const plan = this.#assembly.runtime.plan(service)
    const table = this.#assembly.endpoints.get(service)
    if (plan === undefined || table === undefined)
      throw unknownService(service, this.#assembly.runtime.snapshot.services.keys())
    const [endpoint] = table.endpoints
    const deps = endpoint === undefined ? undefined : { ...this.#assembly.runtime.deps(table), endpoint }
    return new Description({
      service,
      policyVersion: plan.version,
      hosts: plan.hosts,
      routes: plan.routes.map((route) => ({
        name: route.name,
        match: matchText(route.match),
        layers: this.#assembly.runtime.layersOf(route),
      })),
      endpointLayers:
        deps === undefined ? [] : buildEndpoint(() => NOTHING_TO_CANCEL, plan.params, deps).layers,
      endpoints: viewOf(table, this.#assembly.runtime.clock.now()).endpoints,
    })
  }

  /** The inbound layers in order, as built; empty until something is served. */
  describeInbound(): readonly BuiltLayer[] {
    return this.#assembly.runtime.inboundLayers
  }

  /** Runs `fn` outside the request being handled: its deadline and its cancellation do not apply, its trace does. */
  detached<T>(fn: () => T): T {
    const { deadline: _, scope: __, ...rest } = ambientStore.get() ?? {}
    return ambientStore.run(rest, fn)
  }

  async #close(): Promise<void> {
    await this.drain()
    await this.#assembly.lifecycle.close()
    const closed = Promise.all([this.#assembly.endpoints.close(), this.#assembly.own.close()])
    const disarm = this.#assembly.runtime.clock.after(this.#assembly.config.drainGraceMs, () =>
      this.#assembly.endpoints.destroy(),
    )
    await closed
    disarm()
    await this.#assembly.member.close()
  }
}

/**
 * Makes a mesh. No I/O happens before `start()`.
 * @throws {MeshError} TULLE_CONFIG naming the option or variable, its value and what is accepted
 */
export function createMesh(options: MeshOptions = {}): Mesh {
  return new Mesh(options)
}

function matchText(match: RouteMatch | undefined): string {
  if (match === undefined) return ''
  const { grpc, method, path } = match
  if (grpc !== undefined) return `gRPC ${grpc.service ?? '*'}/${grpc.method ?? '*'}`
  return `${method?.join('|') ?? ''} ${path ?? ''}`.trim()
}

function unknownService(service: string, known: Iterable<string>): MeshError {
  const near = nearest(service, known)
  const guess = near === undefined ? '' : `; did you mean ${near}?`
  return new MeshError('TULLE_UNKNOWN_SERVICE', `no service ${service}${guess}`, { layer: 'mesh', service })
}
