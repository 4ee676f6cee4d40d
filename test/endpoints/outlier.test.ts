import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Attempt } from '../../src/core/attempt.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import type { Params } from '../../src/core/plan.ts'
import { outlier, outlierPiece } from '../../src/endpoints/outlier.ts'
import { layerContract } from '../contract/layer.ts'
import { makeAttempt, makeDeps, type TestDeps } from '../kit/builders.ts'
import { Recorder, ScriptedHop } from '../kit/hops.ts'
import { answered, ok, refused, reset, undecided, unsent } from '../kit/outcomes.ts'
import { scripted } from '../kit/random.ts'

const MAX_EJECTION_MS = 60_000
layerContract('outlier', 'attempt', (deps) => outlier.layer(deps.service.params(outlierPiece), deps)!, {
  restMs: MAX_EJECTION_MS,
})

interface Bench {
  readonly deps: TestDeps
  readonly below: ScriptedHop<Attempt<undefined>>
  send(): Recorder
  /** One attempt that ends so. */
  ends(outcome: Outcome): void
  /** Five failures in a row. */
  eject(): void
}

/** No jitter: chance always draws 0. */
function bench(params: Params = {}): Bench {
  const deps = makeDeps({ params, random: scripted(0) })
  const below = new ScriptedHop<Attempt<undefined>>(deps.clock)
  const hop = outlier.layer(deps.service.params(outlierPiece), deps)!(below.hop)
  const send = (): Recorder => new Recorder().send(hop, makeAttempt({ startedMs: deps.clock.now() }))
  const ends = (outcome: Outcome): void => {
    send()
    below.last.end(outcome)
  }
  return { deps, below, send, ends, eject: () => repeat(5, () => ends(reset())) }
}

const repeat = (times: number, fn: () => void): void => {
  for (let n = 0; n < times; n++) fn()
}

for (const condition of [
  'connect-failure',
  'reset',
  'gateway-error',
  '5xx',
  'try-timeout',
  'deadline',
] as const) {
  test(`five of ${condition} in a row eject, four do not`, () => {
    const { deps, ends } = bench()
    repeat(4, () => ends(answered(condition)))
    assert.deepEqual(deps.endpoint.done, [])
    ends(answered(condition))
    assert.deepEqual(deps.endpoint.done, ['eject'])
    assert.deepEqual(deps.events.of('ejected'), [
      {
        service: 'orders',
        endpoint: '127.0.0.1:4001',
        forMs: 1000,
        reason: `5 failures in a row, the last: ${condition}`,
      },
    ])
  })
}

test('a success in between begins the count anew', () => {
  const { deps, ends } = bench()
  for (let n = 0; n < 10; n++) {
    repeat(4, () => ends(reset()))
    ends(ok())
  }
  assert.deepEqual(deps.endpoint.done, [])
})

test('what says nothing of the peer neither counts nor forgives', () => {
  const { deps, ends } = bench()
  repeat(4, () => ends(reset()))
  for (const outcome of [refused(), answered('rate-limited'), unsent('refused-stream')])
    repeat(10, () => ends(outcome))
  assert.deepEqual(deps.endpoint.done, [])
  ends(reset())
  assert.deepEqual(deps.endpoint.done, ['eject'])
})

test('a caller that leaves charges nobody', () => {
  const { deps, send } = bench()
  repeat(10, () => send().cancel('caller'))
  assert.deepEqual(deps.endpoint.done, [])
})

test('where ejection is forbidden now, the next failure asks again', () => {
  const { deps, eject, ends } = bench()
  deps.endpoint.ejectable = false
  eject()
  assert.equal(deps.events.of('ejected').length, 0)
  assert.equal(deps.clock.armed, 0)
  deps.endpoint.ejectable = true
  ends(reset())
  assert.equal(deps.endpoint.ejected, true)
})

test('after the backoff one probe is offered, and its success at head re-admits', () => {
  const { deps, below, eject, send } = bench()
  eject()
  deps.clock.advance(999)
  assert.deepEqual(deps.endpoint.done, ['eject'])
  deps.clock.advance(1)
  assert.deepEqual(deps.endpoint.done, ['eject', 'probe'])
  send()
  below.last.head(undecided({ streaming: true }))
  assert.deepEqual(deps.endpoint.done, ['eject', 'probe', 'readmit'])
  assert.deepEqual(deps.events.of('readmitted'), [{ service: 'orders', endpoint: '127.0.0.1:4001' }])
  below.last.end(ok())
  assert.equal(deps.clock.armed, 0)
})

test('each failed probe doubles the backoff up to its maximum; a success forgets them', () => {
  const { deps, ends, eject } = bench()
  eject()
  const waits: number[] = []
  repeat(8, () => {
    waits.push(deps.clock.next!)
    deps.clock.advance(deps.clock.next!)
    ends(answered('gateway-error'))
  })
  assert.deepEqual(waits, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000])
  deps.clock.advance(deps.clock.next!)
  ends(ok())
  assert.equal(deps.endpoint.ejected, false)
  eject()
  assert.equal(deps.clock.next, 1000)
})

test('jitter adds up to half of the backoff', () => {
  const deps = makeDeps({ random: scripted(0.999) })
  const below = new ScriptedHop<Attempt<undefined>>(deps.clock)
  const hop = outlier.layer(deps.service.params(outlierPiece), deps)!(below.hop)
  repeat(5, () => {
    new Recorder().send(hop, makeAttempt())
    below.last.end(reset())
  })
  assert.ok(deps.clock.next! > 1_490 && deps.clock.next! < 1_500)
})

test('a probe that is rate limited has failed', () => {
  const { deps, ends, eject } = bench()
  eject()
  deps.clock.advance(1000)
  ends(answered('rate-limited'))
  assert.equal(deps.endpoint.ejected, true)
  assert.equal(deps.clock.next, 2000)
})

test('a probe from which nothing was learnt is offered again at once', () => {
  const { deps, send, ends, eject } = bench()
  eject()
  deps.clock.advance(1000)
  send().cancel('caller')
  assert.deepEqual(deps.endpoint.done, ['eject', 'probe', 'probe'])
  ends(refused())
  assert.deepEqual(deps.endpoint.done, ['eject', 'probe', 'probe', 'probe'])
  ends(ok())
  assert.equal(deps.endpoint.ejected, false)
})

test('answers to attempts from before the ejection change nothing', () => {
  const { deps, below, send, eject } = bench()
  send()
  send()
  const [early, other] = below.arrived
  eject()
  early!.answer(ok())
  other!.end(reset())
  assert.equal(deps.endpoint.ejected, true)
  assert.equal(deps.events.of('ejected').length, 1)
})

test('in panic an ordinary success re-admits, and ordinary failures do not lengthen the ejection', () => {
  const { deps, ends, eject } = bench()
  eject()
  repeat(20, () => ends(reset()))
  assert.equal(deps.clock.next, 1000)
  ends(ok())
  assert.equal(deps.endpoint.ejected, false)
  assert.equal(deps.clock.armed, 0)
})

test('off, it counts nothing; switched off while an endpoint is ejected, it lets the endpoint back in', () => {
  const { deps, ends } = bench({ outlier: false })
  repeat(100, () => ends(reset()))
  assert.deepEqual(deps.endpoint.done, [])

  const on = bench()
  on.eject()
  on.deps.service.endpoints = [on.deps.endpoint]
  outlier.reconcile!(false, on.deps.service)
  assert.equal(on.deps.endpoint.ejected, false)
  assert.equal(on.deps.clock.armed, 0)
})
