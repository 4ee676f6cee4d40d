import type { Endpoint } from '../core/endpoint.ts'
import type { BalancerDeps, BalancerModule, Picker } from './balancer.ts'
import { Schedule } from './schedule.ts'
import { sameWeights } from './weights.ts'

/** In turn, in proportion to weight; blind to how the endpoints are doing. Starts at a random place. */
export const roundRobin: BalancerModule = {
  name: 'round-robin',
  picker(available, deps) {
    if (available.length === 0) return () => undefined
    return sameWeights(available) ? inTurn(available, deps) : byWeight(available, deps)
  },
}

function inTurn<E extends Endpoint>(available: readonly E[], { random }: BalancerDeps): Picker<E> {
  const count = available.length
  let turn = Math.floor(random() * count)
  return (_attempt, tried) => {
    const start = turn
    for (let index = start; ; ) {
      const endpoint = available[index] as E
      index = index + 1 === count ? 0 : index + 1
      turn = index
      if (!tried.has(endpoint)) return endpoint
      if (index === start) break
    }
    turn = start + 1 === count ? 0 : start + 1
    return available[start]
  }
}

function byWeight<E extends Endpoint>(available: readonly E[], { random }: BalancerDeps): Picker<E> {
  const schedule = new Schedule(
    available.map(({ weight }) => weight),
    random,
  )
  return (_attempt, tried) => available[schedule.next((index) => tried.has(available[index] as E))]
}
