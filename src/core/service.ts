import type { Attempt } from './attempt.ts'
import type { EndpointState } from './endpoint.ts'
import type { PolicyPiece } from './piece.ts'
import type { ServicePlan } from './plan.ts'

/** Names a piece of state that a module keeps on a service or an endpoint, and makes it on first use. */
export interface Slot<T> {
  readonly name: string
  make(): T
  /** Lets go of timers when what it is kept on goes away. */
  drop?(value: T): void
}

/** What survives policies for one upstream service: budget, breaker, limiter counters, the endpoint table. */
export interface ServiceState {
  readonly name: string
  /** The plan in force; replaced on a policy swap, read freely. */
  readonly plan: ServicePlan
  params<P>(piece: PolicyPiece<P>): P
  slot<T>(slot: Slot<T>): T
  /** Every endpoint known now, ejected ones included. */
  readonly endpoints: readonly EndpointState[]
  /** Those of them that calls of this protocol may be picked for; undefined: all. */
  speaking?(protocol: 'http' | 'grpc'): readonly EndpointState[]
  /** True while ejection is ignored because too few endpoints would be left; undefined: it never is. */
  readonly panic?: boolean
  /** True once a first endpoint set has arrived, an empty one included. */
  readonly ready: boolean
  /** Runs `fn` once, synchronously when the first set arrives. Returns the removal. */
  onReady(fn: () => void): () => void
  /** Synchronous, O(1) or O(log n). Undefined: there is no endpoint at all. */
  pick(attempt: Attempt<unknown>): EndpointState | undefined
}
