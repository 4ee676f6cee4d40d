import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Attempt } from '../../src/core/attempt.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import { load } from '../../src/endpoints/load.ts'
import { layerContract } from '../contract/layer.ts'
import { makeAttempt, makeDeps, type TestDeps } from '../kit/builders.ts'
import { Recorder, ScriptedHop } from '../kit/hops.ts'
import { answered, ok, refused, reset, undecided, unsent } from '../kit/outcomes.ts'

layerContract('load', 'attempt', (deps) => load.layer(undefined, deps)!)

function bench(): {
  deps: TestDeps
  below: ScriptedHop<Attempt<undefined>>
  send: () => Recorder
} {
  const deps = makeDeps()
  deps.endpoint.load.stampMs = deps.clock.now()
  const below = new ScriptedHop<Attempt<undefined>>(deps.clock)
  const hop = load.layer(undefined, deps)!(below.hop)
  const send = (): Recorder => new Recorder().send(hop, makeAttempt({ startedMs: deps.clock.now() }))
  return { deps, below, send }
}

test('an attempt is in flight until its end, not only until its head', () => {
  const { deps, below, send } = bench()
  send()
  assert.equal(deps.endpoint.load.inFlight, 1)
  below.last.head(ok())
  assert.equal(deps.endpoint.load.inFlight, 1)
  below.last.end(ok())
  assert.equal(deps.endpoint.load.inFlight, 0)
})

test('it is no longer in flight when those above hear of the end', () => {
  const { deps, below, send } = bench()
  let seen: number | undefined
  send().onEnd = () => {
    seen = deps.endpoint.load.inFlight
  }
  below.last.end(unsent())
  assert.equal(seen, 0)
})

test('the round trip is measured to the head, however long the body takes', () => {
  const { deps, below, send } = bench()
  send()
  deps.clock.advance(80)
  below.last.head(undecided())
  assert.equal(deps.endpoint.load.ewmaMs, 80)
  deps.clock.advance(5_000)
  below.last.end(ok())
  assert.equal(deps.endpoint.load.ewmaMs, 80)
})

test('the oldest wait moves on as heads come, in whatever order', () => {
  const { deps, below, send } = bench()
  const { load: kept } = deps.endpoint
  const started: number[] = []
  for (let n = 0; n < 4; n++) {
    started.push(deps.clock.now())
    send()
    deps.clock.advance(10)
  }
  const [first, second, third, fourth] = below.arrived
  assert.equal(kept.oldestMs, started[0])
  second!.head(ok())
  assert.equal(kept.oldestMs, started[0])
  first!.head(ok())
  assert.equal(kept.oldestMs, started[2])
  fourth!.end(reset())
  assert.equal(kept.oldestMs, started[2])
  third!.end(reset())
  assert.equal(kept.oldestMs, Number.POSITIVE_INFINITY)
  send()
  assert.equal(kept.oldestMs, deps.clock.now())
})

test('a caller that leaves early does not make the endpoint look fast, one that leaves late makes it look slow', () => {
  const { deps, send } = bench()
  const early = send()
  deps.clock.advance(1)
  early.cancel('caller')
  assert.equal(deps.endpoint.load.ewmaMs, 30)
  const late = send()
  deps.clock.advance(900)
  late.cancel('caller')
  assert.equal(deps.endpoint.load.ewmaMs, 900)
  assert.equal(deps.endpoint.load.inFlight, 0)
})

const failures: readonly (readonly [string, () => Outcome])[] = [
  ['a 503', () => answered('gateway-error')],
  ['a 500', () => answered('5xx')],
  ['a 429', () => answered('rate-limited')],
  ['a refused connection', () => unsent('connect-failure')],
  ['a reset', () => reset()],
]
for (const [name, outcome] of failures) {
  test(`${name} in a millisecond counts as five seconds, counting down`, () => {
    const { deps, below, send } = bench()
    send()
    deps.clock.advance(1)
    below.last.end(outcome())
    assert.equal(deps.endpoint.load.penaltyEndMs, deps.clock.now() + 5_000)
    assert.equal(deps.endpoint.load.ewmaMs, 30, 'the fast failure is no sample of the round trip')
  })
}

test('a longer Retry-After is the penalty, up to five minutes; a negative one is no wait', () => {
  const { deps, below, send } = bench()
  const penalty = (retryAfterMs: number): number => {
    send()
    deps.endpoint.load.penaltyEndMs = 0
    below.last.end(answered('gateway-error', { retryAfterMs }))
    return deps.endpoint.load.penaltyEndMs - deps.clock.now()
  }
  assert.equal(penalty(-1), 5_000)
  assert.equal(penalty(2_000), 5_000)
  assert.equal(penalty(60_000), 60_000)
  assert.equal(penalty(3_600_000), 300_000)
})

test('a try-timeout is measured by the time it had, without a penalty', () => {
  const { deps, send } = bench()
  const attempt = send()
  deps.clock.advance(500)
  attempt.cancel('try-timeout')
  assert.equal(deps.endpoint.load.ewmaMs, 500)
  assert.ok(deps.endpoint.load.penaltyEndMs <= deps.clock.now())
})

test('a refusal of our own layers leaves no trace but the attempt that came and went', () => {
  const { deps, below, send } = bench()
  send()
  const before = { ...deps.endpoint.load, inFlight: 0, oldestMs: Number.POSITIVE_INFINITY }
  below.last.end(refused())
  assert.deepEqual({ ...deps.endpoint.load }, before)
})

test('what its class does not say of it, the outcome says itself', () => {
  const { deps, below, send } = bench()
  const penaltyOf = (outcome: Outcome): number => {
    send()
    deps.endpoint.load.penaltyEndMs = deps.clock.now()
    deps.clock.advance(1)
    below.last.answer(outcome)
    return Math.max(0, deps.endpoint.load.penaltyEndMs - deps.clock.now())
  }
  assert.equal(penaltyOf(ok({ status: 'unknown', penalised: true })), 5_000)
  assert.equal(penaltyOf(ok({ status: 'not-found' })), 0)
  assert.equal(deps.endpoint.load.stampMs, deps.clock.now())
  assert.equal(penaltyOf(answered('gateway-error', { penalised: false, retryAfterMs: 60_000 })), 0)
  assert.equal(deps.endpoint.load.stampMs, deps.clock.now(), 'an answer like any other: its time is a sample')
})
