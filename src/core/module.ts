import type { Authorizer } from './authorizer.ts'
import type { Call, Target } from './call.ts'
import type { EndpointState } from './endpoint.ts'
import type { Events } from './events.ts'
import type { Hop } from './hop.ts'
import type { PolicyPiece } from './piece.ts'
import type { Clock, Random } from './ports.ts'
import type { ServiceState } from './service.ts'

/** What a layer may use besides its parameters. Everything that varies is in here, so layers are pure. */
export interface Deps {
  readonly clock: Clock
  /** Wall-clock milliseconds, for what people and headers read; never for measuring. */
  wall(): number
  readonly random: Random
  readonly events: Events
  readonly service: ServiceState
  /** Per-endpoint layers only. */
  readonly endpoint?: EndpointState | undefined
  /** Inbound layers only: who may do what here; undefined: everybody everything. */
  readonly authorizer?: Authorizer | undefined
  /** Another service's stack, for mirrors and failover. */
  enter(target: Target): Hop<Call<unknown>>
}

/** A layer as a contributor writes it. */
export interface LayerModule<P, L> {
  /** Its name in `stack.ts`, in `mesh.describe()` and in errors. */
  readonly role: string
  /** The key of the policy document it reads; several modules may share one. Undefined: nothing to configure. */
  readonly piece?: PolicyPiece<P> | undefined
  /** Undefined: nothing was asked for, so the layer is not there at all. */
  layer(params: P, deps: Deps): L | undefined
  /** Brings shared state in line with a new plan, after its stacks are built. Must not throw. */
  reconcile?(params: P, service: ServiceState): void
}

/** For modules that need nothing from policy. */
export type NoParams = undefined
