import type { Endpoint } from '../core/endpoint.ts'
import type { Random } from '../core/ports.ts'

/** True where weights say nothing: all the same, or all zero. */
export function sameWeights(endpoints: readonly Endpoint[]): boolean {
  const first = endpoints[0]?.weight
  return endpoints.every(({ weight }) => weight === first)
}

/**
 * A generator of indices in proportion to the weights, O(1) a draw: Vose's alias method. Equal weights need no
 * table. An endpoint of weight 0 is never drawn beside one that has a weight.
 */
export function drawByWeight(endpoints: readonly Endpoint[], random: Random): () => number {
  const count = endpoints.length
  if (sameWeights(endpoints)) return () => Math.floor(random() * count)
  const { share, alias } = aliasTable(endpoints)
  return () => {
    const drawn = random() * count
    const index = Math.floor(drawn)
    return drawn - index < (share[index] as number) ? index : (alias[index] as number)
  }
}

/** Column i holds `share[i]` of endpoint i and for the rest `alias[i]`; all columns are equally high. */
function aliasTable(endpoints: readonly Endpoint[]): { share: Float64Array; alias: Uint32Array } {
  const count = endpoints.length
  const total = endpoints.reduce((sum, { weight }) => sum + weight, 0)
  const share = Float64Array.from(endpoints, ({ weight }) => (weight * count) / total)
  const alias = Uint32Array.from(endpoints, (_, index) => index)
  const low: number[] = []
  const high: number[] = []
  for (let index = 0; index < count; index++) ((share[index] as number) < 1 ? low : high).push(index)
  while (low.length > 0 && high.length > 0) {
    const taker = low.pop() as number
    const giver = high[high.length - 1] as number
    alias[taker] = giver
    share[giver] = (share[giver] as number) + (share[taker] as number) - 1
    if ((share[giver] as number) < 1) low.push(high.pop() as number)
  }
  // Rounding leaves columns that should be exactly full; one without weight of its own is no such column.
  const heaviest = endpoints.reduce(
    (best, { weight }, index) => (weight > (endpoints[best] as Endpoint).weight ? index : best),
    0,
  )
  for (const index of high) share[index] = 1
  for (const index of low) {
    if ((endpoints[index] as Endpoint).weight > 0) share[index] = 1
    else alias[index] = heaviest
  }
  return { share, alias }
}
