import type { Attempt } from './attempt.ts'
import type { EndpointState } from './endpoint.ts'
import type { Hop } from './hop.ts'

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
