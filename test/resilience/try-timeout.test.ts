import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Attempt } from '../../src/core/attempt.ts'
import { type RetryParams, retryPiece } from '../../src/resilience/retry-policy.ts'
import { tryTimeout } from '../../src/resilience/try-timeout.ts'
import { layerContract } from '../contract/layer.ts'
import { makeAttempt, makeCall, makeDeps } from '../kit/builders.ts'
import { Recorder, ScriptedHop } from '../kit/hops.ts'
import { ok } from '../kit/outcomes.ts'

const params = (ms?: number): RetryParams => ({ ...(retryPiece.defaults as RetryParams), tryTimeout: ms })

layerContract('try-timeout', 'attempt', (deps) => tryTimeout.layer(params(50), deps)!)

function scene(more: Partial<Attempt<undefined>> = {}) {
  const deps = makeDeps()
  const below = new ScriptedHop<Attempt<undefined>>(deps.clock)
  const top = new Recorder().send(tryTimeout.layer(params(50), deps)!(below.hop), makeAttempt(more))
  return { clock: deps.clock, below, top }
}

test('the time runs from sent to head: connecting and reading the body are not in it', () => {
  const { clock, below, top } = scene()
  clock.advance(1000)
  assert.equal(top.ended, false)
  below.last.sent()
  clock.advance(49)
  below.last.head(ok())
  clock.advance(1000)
  assert.equal(top.ended, false)
})

test('an attempt without a head in time fails and is cancelled', () => {
  const { clock, below, top } = scene()
  clock.advance(10)
  below.last.sent()
  clock.advance(50)
  assert.equal(below.last.cancelledBy?.kind, 'try-timeout')
  assert.equal(top.outcome?.class, 'failure')
  assert.equal(top.outcome.condition, 'try-timeout')
  assert.equal(top.outcome.error?.code, 'TULLE_TRY_TIMEOUT')
})

test('an answer that overtakes its request is not bounded', () => {
  const { clock, below } = scene()
  below.last.head(ok())
  assert.equal(clock.armed, 0)
})

test('where the whole call has no more time, the deadline alone decides', () => {
  const { clock, below } = scene({ call: makeCall({ deadline: 1_000_050 }) })
  below.last.sent()
  assert.equal(clock.armed, 0)
})

test('it is absent unless the policy asks for it', () => {
  assert.equal(tryTimeout.layer(params(), makeDeps()), undefined)
  assert.equal(tryTimeout.layer(false, makeDeps()), undefined)
})
