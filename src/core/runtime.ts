import type { AmbientStore } from './ambient.ts'
import type { Call } from './call.ts'
import type { Events } from './events.ts'
import type { Hop } from './hop.ts'
import type { Identity, MtlsMode } from './identity.ts'
import type { Route, ServicePlan, Snapshot } from './plan.ts'
import type { Clock, Logger, Random } from './ports.ts'
import type { ServiceState } from './service.ts'

/**
 * What the edges and the optional entry points (`tulle/express`, `tulle/grpc`) get from the mesh object: the only
 * way from an edge to anything outside `core` and `policy`.
 */
export interface Runtime {
  /** Our own service name. */
  readonly service: string
  readonly snapshot: Snapshot
  readonly state: LifecycleState
  readonly clock: Clock
  wall(): number
  readonly random: Random
  readonly events: Events
  readonly log: Logger
  readonly ambient: AmbientStore
  /** Host suffixes of mesh names, without the leading dot: `mesh`, `mesh.internal`. */
  readonly suffixes: readonly string[]
  /** The prebuilt stack of a route; the same function until the next policy. */
  stackFor(route: Route, protocol: 'http' | 'grpc'): Hop<Call<unknown>>
  /** Around every inbound handler: `leaf` runs it. Built once per protocol and leaf. */
  inbound<W>(leaf: Hop<Call<W>>): Hop<Call<W>>
  /** The route inbound calls are judged by. */
  readonly inboundRoute: Route
  /** How the path of an inbound request is made canonical; default `merge-slashes`. */
  readonly inboundPaths?: PathMode | undefined
  plan(service: string): ServicePlan | undefined
  endpoints(service: string): ServiceState | undefined
  /**
   * For a name that nobody knows: resolves when it has become known, or when it is certain enough that it will not.
   * Undefined: there is nothing to wait for.
   */
  newcomer?(service: string): Promise<void> | undefined
  /** Waits for `start()` where it is under way; rejects with TULLE_CLOSED after `close()`. */
  whenReady(): Promise<void>
  /** Who we are; undefined where the mesh has no identity and everything is plaintext. */
  readonly identity?: Identity | undefined
  /** How listeners treat TLS that do not say it themselves; undefined means `disable`. */
  readonly inboundMtls?: MtlsMode | undefined
  /** What the seams ask of tracing: the context active where a call is made. */
  readonly tracing: TracingPort
  readonly servers: ServerRegistry
  /**
   * For a server that is about to close by itself: takes it out of the registry and resolves when its callers have had
   * the time to learn of it. It goes on accepting until then.
   */
  retire?(server: DrainingServer): Promise<void>
  /**
   * Drains and closes the mesh, as the terminating signal asks. Safe to call again.
   * @param options.graceMs how long requests in flight may take, in milliseconds; default the mesh's own
   */
  shutdown(options?: { readonly graceMs?: number | undefined }): Promise<void>
}

/** Istio's `pathNormalization`; what each does is written in `server/canonical-path.ts`. */
export const PATH_MODES = ['none', 'base', 'merge-slashes', 'decode-and-merge-slashes'] as const
export type PathMode = (typeof PATH_MODES)[number]

export type LifecycleState = 'idle' | 'starting' | 'ready' | 'draining' | 'closed'

/** The telemetry room as the other edges see it. */
export interface TracingPort {
  /** The OpenTelemetry context active in this tick, or what the library's own async context carries. */
  capture(): unknown
  /** Runs `fn` with an OpenTelemetry context active. */
  with<T>(context: unknown, fn: () => T): T
  /**
   * What the application's own propagators (B3, Jaeger …) find in the headers of an inbound request, for
   * `Ambient.context`. Undefined where W3C alone is spoken: `core/traceparent.ts` reads that more strictly.
   */
  extract?(headers: Readonly<Record<string, string | string[] | undefined>>): unknown
}

/** Servers that must drain before the mesh closes. */
export interface ServerRegistry {
  add(server: DrainingServer): void
  remove(server: DrainingServer): void
}

/** A listening socket as the registry and health see it. */
export interface Listener {
  /** As bound: `::`, `0.0.0.0`, `127.0.0.1`. */
  readonly host: string
  readonly port: number
  readonly protocol: 'http' | 'grpc'
  readonly mtls: MtlsMode
}

/** SEMANTICS 2.29, one method per step. */
export interface DrainingServer {
  readonly name: string
  /** Where it listens and how, for registration and health; undefined: it is not a listener of ours. */
  readonly listener?: Listener | undefined
  /** Tells callers to go elsewhere while everything that arrives is still served. */
  announce(): void
  /** Stops accepting and resolves when nothing is in flight any more, or when the signal fires. */
  finish(signal: AbortSignal): Promise<void>
  /** Cuts what is left. */
  destroy(): void
}

/** How an optional entry point gets the runtime out of the mesh object a user holds. */
export const RUNTIME: unique symbol = Symbol.for('tulle.runtime.of.v1') as never

export interface HasRuntime {
  readonly [RUNTIME]: Runtime
}
