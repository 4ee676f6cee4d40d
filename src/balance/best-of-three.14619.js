import { drawUntried } from './untried.js'
import { drawByWeight } from './weights.js'

const CHOICES = 3
/** Draws three endpoints in proportion to weight and takes the one with the fewest attempts in flight for its weight. */
export const bestOfThree = {
  name: 'best-of-three',
  picker(available, { random }) {
    if (available.length === 0) return () => undefined
    const draw = drawByWeight(available, random)
    return (_attempt, tried) => {
      const untried = tried.size === 0 ? -1 : drawUntried(available, tried, draw)
      if (untried !== -1) return available[untried]
      let best = available[draw()]
      for (let choice = 1; choice < CHOICES; choice++) {
        const other = available[draw()]
        if (burden(other) < burden(best)) best = other
      }
      return best
    }
  },
}
/** An idle endpoint has no burden whatever its weight: the draw has weighed it already. */
function burden({ load, weight }) {
  return load.inFlight === 0 ? 0 : load.inFlight / weight
}
