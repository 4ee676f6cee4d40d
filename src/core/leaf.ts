import type { AmbientStore, AsyncMark } from './ambient.ts'
import type { Attempt } from './attempt.ts'
import type { EndpointState } from './endpoint.ts'
import type { Hop } from './hop.ts'
import type { Identity, LocalMode } from './identity.ts'
import type { Clock, Logger, Random } from './ports.ts'

/** The way to one endpoint over one protocol: where an attempt meets its socket. */
export interface Leaf {
  readonly hop: Hop<Attempt<unknown>>
  /** Resolves when every connection is gone; attempts still running end first. */
  close(): Promise<void>
  /** Cuts what is left: attempts still running end as reset. */
  destroy(): void
}

/** A protocol's transport. Leaves are opened at the first pick of an endpoint, never before (PERFORMANCE T9). */
export interface LeafFactory {
  readonly protocol: 'http' | 'grpc'
  open(endpoint: EndpointState): Leaf
}

/** What a transport may use of the mesh it belongs to. */
export interface TransportDeps {
  readonly clock: Clock
  wall(): number
  readonly random: Random
  readonly log: Logger
  /** Who this process is; undefined: nobody, and calls go out in plaintext where nothing else is demanded. */
  readonly identity?: Identity | undefined
  /** The local mode of calls. */
  readonly mtls: LocalMode
  /** In whose empty context connections are made, so that none is taken for the work of the call that was first. */
  readonly ambient?: AmbientStore | undefined
  /** Makes a mark for what a transport begins and must find again. */
  asyncMark?(): AsyncMark
}

/** The transports of a mesh. HTTP's is there from the start; an optional entry point brings its own at its first use. */
export interface Transports {
  /** Does nothing where the protocol has one already. */
  provide(protocol: 'grpc', make: (deps: TransportDeps) => LeafFactory): void
}
