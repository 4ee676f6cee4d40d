import type { Endpoint, Load } from '../core/endpoint.ts'
import type { Random } from '../core/ports.ts'
import type { Picker } from './balancer.ts'
import { drawUntried } from './untried.ts'
import { drawByWeight, sameWeights, totalWeight } from './weights.ts'

/**
 * What an endpoint would cost an attempt sent now.
 *
 * @param busy attempts in flight with this one, the others measured against the endpoint's share of the weights
 * @param nowMs when the attempt starts
 */
export type Cost = (load: Load, busy: number, nowMs: number) => number

/** How often a second, different endpoint is sought before the first stands alone. */
const REDRAWS = 4
const NONE: ReadonlySet<Endpoint> = new Set()

/**
 * Power of two choices: draw two, take the cheaper, of equals the first drawn (Mitzenmacher; Linkerd's `p2c`).
 *
 * Weights count twice, and must: both are drawn by weight, so that idle endpoints are used in proportion; and what is
 * in flight is divided by the weight over the mean weight, so that busy endpoints hold attempts in proportion. With
 * equal weights this is exactly cost · (inFlight + 1).
 */
export function twoChoices<E extends Endpoint>(
  available: readonly E[],
  random: Random,
  cost: Cost,
): Picker<E> {
  const count = available.length
  if (count <= 1) return () => available[0]
  const even = sameWeights(available)
  const draw = drawByWeight(available, random, even)
  const mean = even ? 1 : totalWeight(available) / count

  const costOf = (endpoint: E, nowMs: number): number => {
    const { load } = endpoint
    return cost(load, (even ? load.inFlight : (load.inFlight * mean) / endpoint.weight) + 1, nowMs)
  }

  const other = (first: number): number => {
    if (!even) return draw()
    const index = Math.floor(random() * (count - 1))
    return index < first ? index : index + 1
  }

  const challenger = (first: number, tried: ReadonlySet<Endpoint>): E | undefined => {
    for (let again = 0; again < REDRAWS; again++) {
      const index = other(first)
      if (index !== first && !tried.has(available[index] as E)) return available[index]
    }
    return undefined
  }

  return (attempt, tried) => {
    const untried = tried.size === 0 ? -1 : drawUntried(available, tried, draw)
    const index = untried === -1 ? draw() : untried
    const first = available[index] as E
    const second = challenger(index, untried === -1 ? NONE : tried)
    if (second === undefined) return first
    return costOf(second, attempt.startedMs) < costOf(first, attempt.startedMs) ? second : first
  }
}
