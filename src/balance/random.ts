import type { BalancerModule } from './balancer.ts'
import { drawUntried } from './untried.ts'
import { drawByWeight } from './weights.ts'

/** Chance alone, in proportion to weight. Spreads well only over many calls; the baseline the others are measured by. */
export const random: BalancerModule = {
  name: 'random',
  picker(available, deps) {
    if (available.length === 0) return () => undefined
    const draw = drawByWeight(available, deps.random)
    return (_attempt, tried) => {
      const untried = tried.size === 0 ? -1 : drawUntried(available, tried, draw)
      return available[untried === -1 ? draw() : untried]
    }
  },
}
