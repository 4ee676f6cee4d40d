import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OpossumBreaker } from '../../src/resilience/opossum.ts'
import { breakerContract, settled } from '../contract/breaker.ts'
import { makeDeps } from '../kit/builders.ts'

const params = { errorThreshold: 0.5, minRequests: 20, openFor: 1000, window: 10_000 }

breakerContract('opossum', (clock) => {
  const { events, service } = makeDeps()
  const states: string[] = []
  return {
    breaker: new OpossumBreaker(params, {
      clock,
      service,
      events: {
        ...events,
        wants: () => true,
        on: () => () => {},
        emit: (_, payload) => states.push((payload as { state: string }).state),
      },
    }),
    states,
  }
})

test('there is nothing to pay before the first failure, nor after a window without one', async () => {
  const deps = makeDeps()
  const breaker = new OpossumBreaker(params, deps)
  for (let n = 0; n < 100; n++) breaker.take()?.success()
  assert.equal(deps.clock.armed, 0)
  breaker.take()?.failure(new Error('no'))
  await settled()
  assert.equal(deps.clock.armed, 1)
  deps.clock.advance(9_999)
  assert.equal(deps.clock.armed, 1)
  deps.clock.advance(1)
  assert.equal(deps.clock.armed, 0)
})

test('a thousand breakers turn on one timer', async () => {
  const deps = makeDeps()
  const breakers = Array.from({ length: 1000 }, () => new OpossumBreaker(params, deps))
  for (const breaker of breakers) breaker.take()?.failure(new Error('no'))
  await settled()
  assert.equal(deps.clock.armed, 1)
  for (const breaker of breakers) breaker.close()
  assert.equal(deps.clock.armed, 0)
})

test('all calls of a closed breaker share one permit', () => {
  const breaker = new OpossumBreaker(params, makeDeps())
  assert.equal(breaker.take(), breaker.take())
})
