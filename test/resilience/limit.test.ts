import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Call } from '../../src/core/call.ts'
import { deadline } from '../../src/resilience/deadline.ts'
import { limit, limitPiece } from '../../src/resilience/limit.ts'
import { turnstileOf } from '../../src/resilience/turnstile.ts'
import { layerContract } from '../contract/layer.ts'
import { makeCall, makeDeps } from '../kit/builders.ts'
import { Recorder, ScriptedHop } from '../kit/hops.ts'
import { ok, refused } from '../kit/outcomes.ts'

layerContract('limit', 'call', (deps) => limit.layer({ inFlight: 2, queue: 2 }, deps)!, {
  happen: (n, { service }) =>
    limit.reconcile?.(n % 5 === 0 ? false : { inFlight: 1 + (n % 3), queue: n % 4 }, service),
})

function scene(inFlight: number, queue: number, timeoutMs = 1000) {
  const deps = makeDeps()
  const below = new ScriptedHop<Call<undefined>>(deps.clock)
  const hop = deadline.layer(timeoutMs, deps)!(limit.layer({ inFlight, queue }, deps)!(below.hop))
  const turnstile = deps.service.slot(turnstileOf)
  const enter = (name = '/') => new Recorder().send(hop, makeCall({ path: name }))
  return { deps, clock: deps.clock, below, hop, turnstile, enter }
}
const paths = (below: ScriptedHop<Call<undefined>>): string[] => below.arrived.map(({ unit }) => unit.path)

test('a place is held until the last byte, and the line moves first come first served', () => {
  const { below, enter, turnstile } = scene(1, 2)
  enter('a')
  enter('b')
  enter('c')
  assert.deepEqual(paths(below), ['a'])
  below.arrived[0]!.head(ok())
  assert.deepEqual(paths(below), ['a'], 'a head frees nothing')
  below.arrived[0]!.end(ok())
  assert.deepEqual(paths(below), ['a', 'b'])
  below.arrived[1]!.answer(ok())
  below.arrived[2]!.answer(ok())
  assert.equal(turnstile.inside, 0)
})

test('past the queue a call is refused at once, without a stack', () => {
  const { enter, below } = scene(1, 1)
  enter()
  enter()
  const third = enter()
  assert.equal(third.outcome?.error?.code, 'TULLE_OVERLOADED')
  assert.equal(third.outcome.error.refusal, true)
  assert.equal(third.outcome.error.stack?.includes('\n    at '), false)
  assert.match(third.outcome.error.message, /1 calls in flight and 1 waiting/)
  assert.equal(below.arrived.length, 1)
})

test('one that runs out of time leaves the line, and the next one moves up', () => {
  const { clock, below, enter, turnstile } = scene(1, 2, 100)
  enter('a')
  clock.advance(50)
  const b = enter('b')
  clock.advance(40)
  enter('c')
  clock.advance(10)
  assert.deepEqual(paths(below), ['a', 'b'], 'the deadline of a let b in')
  clock.advance(50)
  assert.equal(b.outcome?.condition, 'deadline')
  assert.deepEqual(paths(below), ['a', 'b', 'c'])
  clock.advance(100)
  assert.equal(turnstile.inside + turnstile.waiting, 0)
})

test('time that passed in the line is charged to nobody', () => {
  const { clock, below, enter } = scene(1, 1, 100)
  below.fairMs = 0
  const hop = below.hop
  assert.ok(hop)
  enter('a')
  const b = enter('b')
  below.arrived[0]!.head(ok({ streaming: true }))
  clock.advance(100)
  assert.equal(b.outcome?.class, 'ignored')
  assert.equal(b.outcome.error?.code, 'TULLE_DEADLINE')
  assert.equal(b.outcome.phase, 'queue')
})

test('a whole queue that ends in one tick is worked off without recursion', () => {
  const { below, enter, turnstile } = scene(1, 20_000)
  enter()
  const tops = Array.from({ length: 20_000 }, () => enter())
  below.onArrival = (arrival) => arrival.end(refused())
  below.arrived[0]!.answer(ok())
  assert.ok(tops.every((top) => top.ended))
  assert.equal(turnstile.inside + turnstile.waiting, 0)
  assert.equal(below.deepest, 1)
})

test('raised bounds let the line in at once; lowered ones throw nobody out', () => {
  const { deps, below, enter, turnstile } = scene(1, 10)
  for (let n = 0; n < 5; n++) enter()
  limit.reconcile?.({ inFlight: 3, queue: 10 }, deps.service)
  assert.equal(below.arrived.length, 3)
  limit.reconcile?.({ inFlight: 1, queue: 10 }, deps.service)
  assert.equal(turnstile.inside, 3)
  below.arrived[0]!.answer(ok())
  below.arrived[1]!.answer(ok())
  assert.equal(below.arrived.length, 3, 'still at the new bound')
  limit.reconcile?.(false, deps.service)
  assert.equal(below.arrived.length, 5, 'no bound, no line')
})

test('the count is shared by all stacks of a service and outlives them', () => {
  const { deps, below, enter } = scene(1, 0)
  enter()
  const other = limit.layer({ inFlight: 1, queue: 0 }, deps)!(below.hop)
  assert.equal(new Recorder().send(other, makeCall()).outcome?.error?.code, 'TULLE_OVERLOADED')
})

test('false means there is no such layer', () => {
  assert.equal(limit.layer(false, makeDeps()), undefined)
  assert.equal(limitPiece.schema.parse(false), false)
  assert.deepEqual(limitPiece.schema.parse({ queue: 0 }), { queue: 0 })
  assert.throws(() => limitPiece.schema.parse({ inFlight: 0 }), /whole number 1–1000000/)
  assert.throws(() => limitPiece.schema.parse({ inflight: 5 }))
})
