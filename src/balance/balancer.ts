import type { Attempt } from '../core/attempt.ts'
import type { Endpoint } from '../core/endpoint.ts'
import type { Deps } from '../core/module.ts'

/**
 * Chooses one endpoint for one attempt: synchronous, O(1) or O(log n). Endpoints in `tried` are avoided while there
 * is another; where all were tried, `tried` is ignored. Undefined: there is nothing to choose from.
 */
export type Picker<E extends Endpoint> = (
  attempt: Attempt<unknown>,
  tried: ReadonlySet<Endpoint>,
) => E | undefined

/** What a balancer may use of the world. */
export type BalancerDeps = Pick<Deps, 'clock' | 'random'>

/**
 * A load balancing algorithm. Pure: a picker is made anew whenever the set of available endpoints or a weight
 * changes, so it may compute what it likes beforehand; what must survive lives on the endpoints (`Endpoint.load`).
 */
export interface BalancerModule {
  /** What policy calls it. */
  readonly name: string
  picker<E extends Endpoint>(available: readonly E[], deps: BalancerDeps): Picker<E>
}
