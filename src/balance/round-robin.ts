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
  const next = (): E => {
    const endpoint = available[turn] as E
    turn = turn + 1 === count ? 0 : turn + 1
    return endpoint
  }
  return (_attempt, tried) => {
    let endpoint = next()
    for (let step = 1; step < count && tried.has(endpoint); step++) endpoint = next()
    return endpoint
  }
}

function byWeight<E extends Endpoint>(available: readonly E[], { random }: BalancerDeps): Picker<E> {
  const schedule = new Schedule(
    available.map(({ weight }) => weight),
    random,
  )
  return (_attempt, tried) => available[schedule.next((index) => tried.has(available[index] as E))]
}
