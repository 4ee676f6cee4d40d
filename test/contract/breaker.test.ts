import { ModelBreaker } from '../kit/model-breaker.ts'
import { breakerContract } from './breaker.ts'

breakerContract('the model', (clock) => {
  const breaker = new ModelBreaker(
    { errorThreshold: 0.5, minRequests: 20, openFor: 1000, window: 10_000 },
    clock,
  )
  return { breaker, states: breaker.states }
})
