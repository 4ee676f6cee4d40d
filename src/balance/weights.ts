import type { Endpoint } from '../core/endpoint.ts'
import type { Random } from '../core/ports.ts'

/** True where weights say nothing: all the same, or all zero. */
export function sameWeights(endpoints: readonly Endpoint[]): boolean {
  const first = endpoints[0]?.weight
  for (const { weight } of endpoints) if (weight !== first) return false
  return true
}

export function totalWeight(endpoints: readonly Endpoint[]): number {
  let total = 0
  for (const { weight } of endpoints) total += weight
  return total
}

/**
 * A generator of indices in proportion to the weights, O(1) a draw: Vose's alias method. Equal weights need no
 * table. An endpoint of weight 0 is never drawn beside one that has a weight.
 *
 * @param even what `sameWeights` says of them
 */
export function drawByWeight(
  endpoints: readonly Endpoint[],
  random: Random,
  even = sameWeights(endpoints),
): () => number {
  const count = endpoints.length
  if (even) return () => Math.floor(random() * count)
  const { share, alias } = aliasTable(endpoints)
  return () => {
    const drawn = random() * count
    const index = Math.floor(drawn)
    return drawn - index < (share[index] as number) ? index : (alias[index] as number)
  }
}

/**
 * Column i holds `share[i]` of endpoint i and for the rest `alias[i]`; all columns are equally high. Plain loops over typed
 * arrays: of 10,000 endpoints it is made in one turn of the event loop, often before any of it is compiled.
 */
function aliasTable(endpoints: readonly Endpoint[]): { share: Float64Array; alias: Uint32Array } {
  const count = endpoints.length
  const total = totalWeight(endpoints)
  const share = new Float64Array(count)
  const alias = new Uint32Array(count)
  // Two stacks in one array: the low columns from its beginning, the high ones from its end.
  const stacks = new Uint32Array(count)
  let lows = 0
  let highs = count
  let heaviest = 0
  let most = 0
  for (let index = 0; index < count; index += 1) {
    const { weight } = endpoints[index] as Endpoint
    if (weight > most) {
      heaviest = index
      most = weight
    }
    const part = (weight * count) / total
    share[index] = part
    alias[index] = index
    if (part < 1) stacks[lows++] = index
    else stacks[--highs] = index
  }
  while (lows > 0 && highs < count) {
    const taker = stacks[--lows] as number
    const giver = stacks[highs] as number
    alias[taker] = giver
    share[giver] = (share[giver] as number) + (share[taker] as number) - 1
    if ((share[giver] as number) < 1) {
      highs += 1
      stacks[lows++] = giver
    }
  }
  // Rounding leaves columns that should be exactly full; one without weight of its own is no such column.
  for (; highs < count; highs += 1) share[stacks[highs] as number] = 1
  while (lows > 0) {
    const index = stacks[--lows] as number
    if ((endpoints[index] as Endpoint).weight > 0) share[index] = 1
    else alias[index] = heaviest
  }
  return { share, alias }
}
