import type { BalancerModule } from './balancer.ts'
import { type Cost, twoChoices } from './two-choices.ts'

/**
 * Of two drawn endpoints the one with fewer attempts in flight for its weight (Envoy's LEAST_REQUEST with its default
 * `choice_count`, SEMANTICS 2.8). What is left of a penalty counts first: an endpoint that fails at once never has
 * much in flight and must not be taken for an idle one.
 */
export const leastRequest: BalancerModule = {
  name: 'least-request',
  picker: (available, { random }) => twoChoices(available, random, inFlight),
}

const inFlight: Cost = (load, busy, nowMs) => Math.max(1, load.penaltyEndMs - nowMs) * busy
