import type { AmbientStore } from './ambient.ts'
import type { Call, PeerIdentity } from './call.ts'
import type { MeshError } from './errors.ts'
import type { Events } from './events.ts'
import type { Hop } from './hop.ts'
import type { Identity, MtlsMode } from './identity.ts'
import type { Transports } from './leaf.ts'
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
  /** The name somebody may have meant, for errors. */
  nearest?(name: string, names: Iterable<string>): string | undefined
  /** Waits for `start()` where it is under way; rejects with TULLE_CLOSED after `close()`. */
  whenReady(): Promise<void>
  /** Who we are; undefined where the mesh has no identity and everything is plaintext. */
  readonly identity?: Identity | undefined
  /** How listeners treat TLS that do not say it themselves; undefined means `disable`. */
  readonly inboundMtls?: MtlsMode | undefined
  /** What the seams ask of tracing: the context active where a call is made. */
  readonly tracing: TracingPort
  readonly servers: ServerRegistry
  /** Where an optional entry point brings the transport of its protocol. */
  readonly transports?: Transports | undefined
  /**
   * Listens for connections of a protocol that is not HTTP/1.1: limits, first byte, mutual TLS, registration, signals and
   * drain are the server room's; what is spoken on the connections is the guest's. Starts the mesh where it is not yet.
   * @throws TULLE_CONFIG for an option it does not know; TULLE_CLOSED; the system's error where it cannot listen
   */
  listen?(options: ListenOptions, guest: Guest): Promise<Listening>
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

/** As `ServeOptions` of `mesh.serve`, as far as they are not of HTTP. */
export interface ListenOptions {
  readonly protocol: 'grpc'
  /** What TLS agrees upon, such as `['h2']`. */
  readonly alpn: readonly string[]
  /** Default 0: any free port. */
  readonly port?: number | undefined
  /** The address to listen on; default every one, IPv6 included. */
  readonly host?: string | undefined
  /** Signals on which the mesh is drained and closed; default `['SIGTERM']`. */
  readonly signals?: readonly string[] | false | undefined
  /** How long calls in flight may take at the end, in milliseconds; default 30 s for `close`, the mesh's own for signals. */
  readonly graceMs?: number | undefined
  /** Who may come in; default the mesh's own mode. */
  readonly mtls?: MtlsMode | undefined
  readonly limits?: ConnectionLimits | undefined
}

export interface ConnectionLimits {
  /** Milliseconds for a TLS handshake, its first byte included. Default 5 s. */
  readonly handshakeTimeoutMs?: number | undefined
  /** Open connections in all; more are closed. Default 10,000. */
  readonly maxConnections?: number | undefined
  /** Open connections of one remote address. Default 1,024. */
  readonly maxConnectionsPerPeer?: number | undefined
  /** Bytes of one call's headers, of which guests see to themselves; more are refused. Default 16 KiB; 0: as many as come. */
  readonly maxHeaderBytes?: number | undefined
}

/** A connection that was let in. */
export interface Arrival {
  /** A `Duplex` of `node:stream`: a `TLSSocket`, or a plain socket. */
  readonly socket: object
  /** Anybody may come in here, so nobody's word about deadlines and attempts is the mesh's. */
  readonly open: boolean
  /** Who brings a call, asked for each: or why it is refused. Counts plaintext where that is let in. */
  caller(): PeerIdentity | MeshError
  /** Runs `fn` once when the connection is to be replaced gently: age, or a renewal. Long after that it is cut. */
  onOld(fn: () => void): void
}

/** What speaks on the connections. */
export interface Guest {
  arrived(arrival: Arrival): void
  /** SEMANTICS 2.29: callers are told to go elsewhere while everything that arrives is still served. */
  announce(): void
  /** Resolves when nothing is in flight any more. New connections have ceased to come. */
  rest(): Promise<void>
  /** Cuts what is left; sockets are destroyed by the listener itself. */
  destroy(): void
}

export interface Listening {
  readonly port: number
  address(): { readonly address: string; readonly family: string; readonly port: number }
  /** Drains this listener alone: the mesh and its other servers stay. Safe to call again. */
  close(options?: { readonly graceMs?: number | undefined }): Promise<void>
}

/** How an optional entry point gets the runtime out of the mesh object a user holds. */
export const RUNTIME: unique symbol = Symbol.for('tulle.runtime.of.v1') as never

export interface HasRuntime {
  readonly [RUNTIME]: Runtime
}
