import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Call } from '../../src/core/call.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import { breaker, breakerLayer, breakerPiece } from '../../src/resilience/breaker.ts'
import { layerContract } from '../contract/layer.ts'
import { makeCall, makeDeps } from '../kit/builders.ts'
import { FakeBreaker } from '../kit/fake-breaker.ts'
import { Recorder, ScriptedHop } from '../kit/hops.ts'
import { answered, ok, refused, reset, undecided, unsent } from '../kit/outcomes.ts'

const params = breakerPiece.whenPresent as {
  errorThreshold: number
  minRequests: number
  openFor: number
  window: number
}
let fake = new FakeBreaker()

layerContract('breaker', 'call', () => breakerLayer(fake, 'orders'), {
  prepare: () => {
    fake = new FakeBreaker()
  },
  happen: (n) => {
    fake.state = n % 3 === 0 ? 'closed' : n % 3 === 1 ? 'half-open' : 'open'
  },
})
layerContract(
  'breaker with opossum',
  'call',
  (deps) => breaker.layer({ ...params, minRequests: 1_000_000 }, deps)!,
  {
    // The shared timer runs until a whole window has passed without a failure.
    restMs: 21_000,
  },
)

function scene(state: FakeBreaker['state'] = 'closed') {
  const clock = makeDeps().clock
  const gates = new FakeBreaker()
  gates.state = state
  const below = new ScriptedHop<Call<undefined>>(clock)
  const hop = breakerLayer(gates, 'orders')(below.hop)
  const enter = () => new Recorder().send(hop, makeCall())
  return { gates, below, enter }
}

test('open, a call is refused at once, without a stack', () => {
  const { below, enter } = scene('open')
  const top = enter()
  assert.equal(below.arrived.length, 0)
  assert.equal(top.outcome?.error?.code, 'TULLE_CIRCUIT_OPEN')
  assert.equal(top.outcome.error.refusal, true)
  assert.equal(top.outcome.error.stack?.includes('\n    at '), false)
})

test('a verdict is given at the end of a call, and says what the call says of the service', () => {
  const failed = (condition: Outcome['condition']): Outcome => ({ ...reset(), condition })
  const cases: readonly (readonly [Outcome, string])[] = [
    [ok(), 'success'],
    [unsent('connect-failure'), 'failure'],
    [reset(), 'failure'],
    [failed('try-timeout'), 'failure'],
    [failed('deadline'), 'failure'],
    [answered('gateway-error'), 'failure'],
    [failed(undefined), 'failure'],
    [{ ...ok({ code: 7, status: 'permission-denied' }), class: 'failure' }, 'success'],
    [answered('gateway-error', { code: 14, status: 'unavailable' }), 'failure'],
    [ok({ code: 2, status: 'unknown', penalised: true }), 'success'],
    [answered('5xx'), 'success'],
    [answered('rate-limited'), 'success'],
    [unsent('refused-stream'), 'success'],
    [refused(), 'abandon'],
    [{ ...failed('deadline'), class: 'ignored' }, 'abandon'],
  ]
  for (const [outcome, ending] of cases) {
    const { gates, below, enter } = scene()
    enter()
    if (outcome.code !== undefined) below.last.head(outcome)
    assert.equal(gates.pending, 1)
    below.last.end(outcome)
    assert.deepEqual(gates.endings, [ending], `${outcome.class} ${outcome.condition}`)
  }
})

test('a caller that leaves says nothing of the service', () => {
  const { gates, enter } = scene()
  enter().cancel('caller')
  assert.deepEqual(gates.endings, ['abandon'])
})

test('a probe is judged at its head, so that a long stream does not hold the door', () => {
  for (const [head, ending] of [
    [ok(), 'success'],
    [undecided(), 'success'],
    [answered('gateway-error'), 'failure'],
    [answered('5xx'), 'success'],
  ] as const) {
    const { gates, below, enter } = scene('half-open')
    enter()
    below.last.head(head)
    assert.deepEqual(gates.endings, [ending])
    below.last.end(reset())
    assert.deepEqual(gates.endings, [ending], 'and only once')
  }
})

test('a stream that breaks after its head counts against a closed breaker', () => {
  const { gates, below, enter } = scene()
  enter()
  below.last.head(ok())
  below.last.end(reset())
  assert.deepEqual(gates.endings, ['failure'])
})

test('it is absent unless asked for, and one field is enough to ask', () => {
  const deps = makeDeps()
  assert.equal(breaker.layer(undefined, deps), undefined)
  assert.equal(breaker.layer(false, deps), undefined)
  assert.deepEqual(breakerPiece.schema.parse({ openFor: '2s' }), { openFor: 2000 })
  assert.deepEqual(breakerPiece.schema.parse({ errorThreshold: '25%', window: '30s' }), {
    errorThreshold: 0.25,
    window: 30_000,
  })
  assert.throws(() => breakerPiece.schema.parse({ threshold: 1 }))
  assert.equal(breakerPiece.defaults, undefined)
})

test('an idle breaker costs no timer, and reconciling one that was never made does nothing', () => {
  const deps = makeDeps()
  breaker.reconcile?.(params, deps.service)
  breaker.layer(params, deps)
  breaker.layer(params, deps)
  assert.equal(deps.clock.armed, 0)
  breaker.reconcile?.({ ...params, openFor: 1000 }, deps.service)
  breaker.reconcile?.(undefined, deps.service)
})
