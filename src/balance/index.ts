import type { PolicyPiece } from '../core/piece.ts'
import { oneOf } from '../core/units.ts'
import type { BalancerModule } from './balancer.ts'
import { leastRequest } from './least-request.ts'
import { peakEwma } from './peak-ewma.ts'
import { random } from './random.ts'
import { roundRobin } from './round-robin.ts'

/** Every balancer there is; the first is the default. A new one is a file and a line here. */
export const balancers: readonly [BalancerModule, ...BalancerModule[]] = [
  peakEwma,
  leastRequest,
  roundRobin,
  random,
]

const byName = new Map(balancers.map((balancer) => [balancer.name, balancer]))

/** `balance`: the name of the balancer; default `peak-ewma`. */
export const balancePiece: PolicyPiece<string> = {
  key: 'balance',
  scope: 'service',
  schema: oneOf(balancers.map(({ name }) => name) as [string, ...string[]]),
  defaults: balancers[0].name,
}

/** The balancer of a name the schema has accepted. */
export function balancerNamed(name: string): BalancerModule {
  return byName.get(name) ?? balancers[0]
}
