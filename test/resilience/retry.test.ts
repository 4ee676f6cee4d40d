import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Attempt } from '../../src/core/attempt.ts'
import type { Call } from '../../src/core/call.ts'
import { MeshError } from '../../src/core/errors.ts'
import { PREVIOUS_ATTEMPTS } from '../../src/core/header-names.ts'
import type { Hop } from '../../src/core/hop.ts'
import { type Outcome, refusal } from '../../src/core/outcome.ts'
import { budgetOf } from '../../src/resilience/budget.ts'
import { type RetryParams, retry, retryPiece } from '../../src/resilience/retry.ts'
import { waitingOf } from '../../src/resilience/waiting.ts'
import { layerContract } from '../contract/layer.ts'
import { makeCall, makeDeps, makeRoute, type TestDeps } from '../kit/builders.ts'
import { type Arrival, Recorder, ScriptedHop } from '../kit/hops.ts'
import { answered, ok, refused, reset, undecided, unsent } from '../kit/outcomes.ts'
import { scripted, seeded } from '../kit/random.ts'

const defaults = retryPiece.defaults as RetryParams

layerContract('retry', 'tries', (deps) => retry.layer(defaults, deps)!)
layerContract('retry on everything, often', 'tries', (deps) => {
  return retry.layer({ ...defaults, limit: 10, retryOn: ['5xx', 'rate-limited'] }, deps)!
})
layerContract('retry on statuses by name', 'tries', (deps) => {
  return retry.layer(
    { ...defaults, limit: 3, retryOn: ['unavailable', 'aborted', 'permission-denied'] },
    deps,
  )!
})
layerContract('retry: false', 'tries', (deps) => retry.layer(false, deps)!)
layerContract('retry refused by the call', 'tries', (deps) => retry.layer(defaults, deps)!, {
  call: () => ({ options: { retry: false } }),
})

const picking =
  (deps: TestDeps, below: ScriptedHop<Attempt<undefined>>): Hop<Attempt<undefined>> =>
  (attempt, observer) => {
    attempt.endpoint = deps.service.pick(attempt)
    return below.hop(attempt, observer)
  }

function scene(
  more: Partial<Call<undefined>> = {},
  params: Partial<RetryParams> | false = {},
  { endpoints = 3, random = scripted(0.5) } = {},
) {
  const deps = makeDeps({ random })
  deps.service.populate(endpoints)
  const below = new ScriptedHop<Attempt<undefined>>(deps.clock)
  const hop = retry.layer(params === false ? false : { ...defaults, ...params }, deps)!(picking(deps, below))
  const call = makeCall(more)
  const top = new Recorder()
  const send = () => top.send(hop, call)
  return { deps, clock: deps.clock, below, call, top, send, hop }
}
const ports = (below: ScriptedHop<Attempt<undefined>>): unknown[] =>
  below.arrived.map(({ unit }) => unit.endpoint?.port)

describe('one attempt', () => {
  test('a good answer passes through: one attempt, nothing added', () => {
    const { below, call, top, send, clock } = scene()
    send()
    below.last.sent()
    below.last.answer(ok())
    assert.equal(top.outcome?.class, 'success')
    assert.equal(call.attempts, 1)
    assert.equal(call.trail, undefined)
    assert.equal(call.endpoint?.port, 4001)
    assert.equal(below.last.unit.outbox.size, 0)
    assert.equal(below.last.unit.tried.size, 0)
    assert.equal(clock.armed, 0)
  })

  test('an attempt has had a fair chance after its own bound, or half of what its route gives a call', () => {
    const fair = (params: Partial<RetryParams>, timeout?: number): number => {
      const { below, send } = scene(
        { route: makeRoute({ params: timeout === undefined ? {} : { timeout } }) },
        params,
      )
      send()
      return below.last.unit.fairMs
    }
    assert.equal(fair({}), 7_500)
    assert.equal(fair({}, 400), 200)
    assert.equal(fair({ tryTimeout: 150 }, 400), 150)
    assert.equal(fair({ tryTimeout: 350 }, 400), 200)
  })
})

describe('what provably never left', () => {
  test('is sent at once to each endpoint not yet tried, whatever the method, and charged to nobody', () => {
    const { deps, clock, below, call, top, send } = scene({ method: 'POST' })
    below.onArrival = (arrival) => {
      if (below.arrived.length < 3) arrival.end(unsent())
    }
    const balance = deps.service.slot(budgetOf).balance(clock.now())
    send()
    assert.deepEqual(ports(below), [4001, 4002, 4003])
    assert.equal(below.deepest, 1, 'a loop, not a recursion')
    below.last.answer(ok())
    assert.equal(top.outcome?.class, 'success')
    assert.ok(deps.service.slot(budgetOf).balance(clock.now()) >= balance, 'the budget is untouched')
    assert.deepEqual(
      call.trail?.map(({ endpoint, cause, phase }) => [endpoint, cause, phase]),
      [
        ['127.0.0.1:4001', 'TULLE_CONNECT', 'connect'],
        ['127.0.0.1:4002', 'TULLE_CONNECT', 'connect'],
      ],
    )
  })

  test('says that nobody was reached, until somebody may have been', () => {
    const { below, send, clock } = scene({ idempotent: true })
    send()
    below.last.end(unsent())
    below.last.end(unsent())
    below.last.end(reset())
    clock.advance(100)
    below.last.end(unsent())
    clock.advance(100)
    assert.deepEqual(
      below.arrived.map(({ unit }) => unit.unreached),
      [false, true, true, false, false],
    )
  })

  test('is charged once every endpoint that speaks its protocol was tried', () => {
    const { deps, clock, below, top, send } = scene({ protocol: 'grpc', method: 'POST' })
    Object.assign(deps.service, {
      speaking: (protocol: string) => (protocol === 'grpc' ? deps.service.endpoints.slice(0, 1) : []),
    })
    below.onArrival = (arrival) => arrival.end(unsent())
    send()
    assert.equal(below.arrived.length, 1)
    clock.advance(25)
    assert.equal(below.arrived.length, 2)
    top.cancel('caller')
  })

  test('is charged and waits once every endpoint was tried', () => {
    const { clock, below, top, send } = scene({ method: 'POST' })
    below.onArrival = (arrival) => arrival.end(unsent())
    send()
    assert.equal(below.arrived.length, 3)
    clock.advance(12)
    assert.equal(below.arrived.length, 3, 'U(0, 25 ms) drawn in the middle')
    clock.advance(1)
    assert.equal(below.arrived.length, 4)
    clock.advance(25)
    assert.equal(below.arrived.length, 5)
    assert.equal(top.outcome?.condition, 'connect-failure')
    assert.equal(clock.armed, 0)
  })

  test('is sent again even where the policy says retry: false', () => {
    const { below, top, send } = scene({ method: 'POST' }, false)
    below.onArrival = (arrival) => arrival.end(unsent('refused-stream'))
    send()
    assert.equal(below.arrived.length, 3)
    assert.equal(top.outcome?.condition, 'refused-stream')
  })

  test('is not sent again where the call says retry: false', () => {
    const { below, top, send } = scene({ options: { retry: false } })
    send()
    below.last.end(unsent())
    assert.equal(below.arrived.length, 1)
    assert.equal(top.outcome?.unsent, true)
  })

  test('is not sent again without its body, nor after the deadline', () => {
    for (const more of [{ replayable: false }, { deadline: 1_000_000 }]) {
      const { below, send } = scene(more)
      send()
      below.last.end(unsent())
      assert.equal(below.arrived.length, 1)
    }
  })

  test('thousands of refusing endpoints are a loop, not a stack', () => {
    const { below, top, send } = scene({}, {}, { endpoints: 1_000 })
    below.onArrival = (arrival) => arrival.end(unsent())
    send()
    assert.equal(below.arrived.length, 1_000)
    top.cancel('caller')
  })
})

describe('what may have been executed', () => {
  const again = (
    outcome: Outcome,
    more: Partial<Call<undefined>> = {},
    params: Partial<RetryParams> = {},
  ): boolean => {
    const { clock, below, send } = scene(more, params)
    send()
    if (outcome.error === undefined) below.last.answer(outcome)
    else below.last.end(outcome)
    clock.advance(1000)
    return below.arrived.length > 1
  }

  test('is sent again only if the call is idempotent', () => {
    for (const outcome of [answered('gateway-error'), reset()]) {
      assert.equal(again(outcome), true)
      assert.equal(again(outcome, { method: 'POST' }), false)
      assert.equal(again(outcome, { method: 'POST', idempotent: true }), true)
    }
  })

  test('is sent again only on the conditions of the policy', () => {
    assert.equal(again(answered('5xx')), false)
    assert.equal(again(answered('rate-limited')), false)
    assert.equal(again(answered('5xx'), {}, { retryOn: ['5xx'] }), true)
    assert.equal(again(reset(), {}, { retryOn: ['5xx'] }), true)
    assert.equal(again(reset(), {}, { retryOn: ['gateway-error'] }), false)
    assert.equal(again({ ...reset(), condition: 'try-timeout' }, {}, { retryOn: ['gateway-error'] }), true)
    assert.equal(again({ ...reset(), condition: 'deadline' }, {}, { retryOn: ['5xx'] }), false)
  })

  test('never without its body', () => {
    assert.equal(again(answered(), { replayable: false }), false)
  })

  test('whether the body can be had is asked at the moment of decision', () => {
    let replayable = true
    const { below, call, send } = scene({ method: 'PUT' })
    Object.defineProperty(call, 'replayable', { get: () => replayable })
    send()
    replayable = false
    assert.equal(below.last.head(answered()), 'deliver')
  })

  test('a refusal of ours is never retried', () => {
    assert.equal(again(refused()), false)
  })
})

describe('an answer that failed', () => {
  test('is discarded when another attempt follows, and the last one is delivered as it is', () => {
    const { clock, below, call, top, send } = scene()
    send()
    assert.equal(below.last.head(answered()), 'discard')
    assert.equal(top.sentCount, 0)
    below.last.end(answered())
    clock.advance(13)
    assert.equal(below.last.unit.outbox.get(PREVIOUS_ATTEMPTS), '1')
    assert.equal(below.last.head(answered()), 'discard')
    clock.advance(25)
    assert.equal(below.last.unit.outbox.get(PREVIOUS_ATTEMPTS), '2')
    assert.equal(below.last.head(answered()), 'deliver')
    below.last.end(answered())
    assert.equal(top.headOutcome?.code, 503)
    assert.equal(top.outcome?.class, 'failure')
    assert.equal(call.attempts, 3)
    assert.deepEqual(
      call.trail?.map(({ cause }) => cause),
      ['503', '503', '503'],
    )
    assert.deepEqual(ports(below), [4001, 4002, 4003])
  })

  test('the next attempt does not wait for the discarded body, whose end then matters to nobody', () => {
    const { clock, below, top, send } = scene()
    send()
    const first = below.last
    first.head(answered())
    clock.advance(13)
    below.last.head(ok())
    first.end(reset())
    assert.equal(top.ended, false)
    below.last.end(ok())
    assert.equal(top.outcome?.class, 'success')
  })

  test('is delivered once anything of an answer reached the caller', () => {
    const { below, top, send, clock } = scene()
    send()
    below.last.head(undecided())
    below.last.end(reset())
    assert.equal(top.outcome?.class, 'failure')
    assert.equal(top.outcome.committed, true)
    assert.equal(clock.armed, 0)
  })

  test('with a pushback waits what it says, and with a negative one is delivered', () => {
    const { clock, below, send } = scene({}, {}, { random: scripted(0.5, 0) })
    send()
    below.last.head(answered('gateway-error', { retryAfterMs: 2_000 }))
    clock.advance(1_999)
    assert.equal(below.arrived.length, 1)
    clock.advance(1)
    assert.equal(below.arrived.length, 2)
    assert.equal(below.last.head(answered('gateway-error', { retryAfterMs: -1 })), 'deliver')
  })

  test('with a Retry-After beyond the deadline is delivered at once', () => {
    const { deps, clock, below, send } = scene({ deadline: 1_001_000 })
    send()
    assert.equal(below.last.head(answered('gateway-error', { retryAfterMs: 2_000 })), 'deliver')
    assert.deepEqual(deps.events.of('retry-refused'), [{ service: 'orders', reason: 'deadline' }])
    assert.equal(clock.armed, 0)
  })
})

describe('a gRPC status that the policy names', () => {
  const aborted: Outcome = { class: 'success', committed: false, unsent: false, code: 10, status: 'aborted' }
  const unavailable = answered('gateway-error', { code: 14, status: 'unavailable' })
  const grpc = { protocol: 'grpc', method: 'POST' } as const

  test('is sent again although nobody said that the call is idempotent, and although it is no failure', () => {
    for (const outcome of [aborted, unavailable]) {
      const { clock, below, call, top, send } = scene(grpc, { retryOn: ['aborted', 'unavailable'] })
      send()
      assert.equal(below.last.head(outcome), 'discard')
      below.last.end(outcome)
      clock.advance(13)
      below.last.answer(ok())
      assert.equal(top.outcome?.class, 'success')
      assert.deepEqual(
        call.trail?.map(({ cause }) => cause),
        [outcome.status],
      )
    }
  })

  test('is delivered as it is once the limit, the budget or the time are spent', () => {
    const params = { retryOn: ['aborted'] as const, limit: 1 }
    const { clock, below, top, send } = scene(grpc, params)
    send()
    below.last.answer(aborted)
    clock.advance(13)
    assert.equal(below.last.head(aborted), 'deliver')
    below.last.end(aborted)
    assert.equal(top.outcome?.class, 'success')
    const broke = scene(grpc, params)
    const budget = broke.deps.service.slot(budgetOf)
    while (budget.withdraw(broke.clock.now()));
    broke.send()
    assert.equal(broke.below.last.head(aborted), 'deliver')
    const late = scene({ ...grpc, deadline: 1_000_001 }, params)
    late.send()
    assert.equal(late.below.last.head(aborted), 'deliver')
  })

  test('is not sent again once anything of the answer was seen, nor without its messages, nor where another is named', () => {
    const { below, clock, send } = scene(grpc, { retryOn: ['unavailable'] })
    send()
    below.last.head(undecided({ committed: true }))
    below.last.end({ ...unavailable, committed: true })
    assert.equal(clock.armed, 0)
    for (const [more, outcome] of [
      [{ ...grpc, replayable: false }, unavailable],
      [grpc, aborted],
      [{ ...grpc, options: { retry: false as const } }, unavailable],
    ] as const) {
      const other = scene(more, { retryOn: ['unavailable'] })
      other.send()
      assert.equal(other.below.last.head(outcome), 'deliver')
    }
  })

  test('is sent again where the peer saw a deadline pass that was too short to be its fault, not where it is of our making', () => {
    const ignored = { class: 'ignored', committed: false, unsent: false } as const
    for (const [outcome, attempts] of [
      [{ ...ignored, condition: 'deadline', status: 'deadline-exceeded' }, 2],
      [{ ...ignored, status: 'resource-exhausted' }, 1],
      [{ ...ignored, ...refused(), status: 'unavailable' }, 1],
    ] as const) {
      const retryOn = ['deadline-exceeded', 'resource-exhausted', 'unavailable'] as const
      const { clock, below, send } = scene(grpc, { retryOn })
      send()
      below.last.end(outcome)
      clock.advance(25)
      assert.equal(below.arrived.length, attempts)
    }
  })

  test('conditions go on demanding an idempotent call', () => {
    const { below, send } = scene(grpc, { retryOn: ['gateway-error', 'aborted'] })
    send()
    assert.equal(below.last.head(unavailable), 'deliver')
  })

  test('is what a fault of ours would be to a gRPC caller: a broken connection is UNAVAILABLE', () => {
    const broken = (more: Partial<Call<undefined>>, retryOn: RetryParams['retryOn']) => {
      const { below, clock, send } = scene(more, { retryOn })
      send()
      below.last.end(reset())
      clock.advance(13)
      return below.arrived.length > 1
    }
    assert.equal(broken(grpc, ['unavailable']), true)
    assert.equal(broken(grpc, ['internal']), false)
    assert.equal(broken({ ...grpc, protocol: 'http' }, ['unavailable']), false)
  })

  test('waits exactly what the peer pushes back, and then begins its own back-off anew (gRFC A6)', () => {
    const limited = answered('rate-limited', { status: 'resource-exhausted', retryAfterMs: 700 })
    const { clock, below, send } = scene(grpc, { retryOn: ['resource-exhausted'], limit: 4 })
    const nextAfter = (outcome: Outcome, ms: number): void => {
      const before = below.arrived.length
      below.last.answer(outcome)
      clock.advance(ms - 0.5)
      assert.equal(below.arrived.length, before)
      clock.advance(0.5)
      assert.equal(below.arrived.length, before + 1)
    }
    const { retryAfterMs: _, ...plain } = limited
    send()
    nextAfter(plain, 12.5)
    nextAfter(plain, 25)
    nextAfter(limited, 700)
    nextAfter(plain, 12.5)
    const told = scene(grpc, { retryOn: ['resource-exhausted'] })
    told.send()
    assert.equal(told.below.last.head({ ...limited, retryAfterMs: -1 }), 'deliver')
  })
})

describe('a call that waits until something is ready', () => {
  const waiting = { protocol: 'grpc', method: 'POST', options: { waitForReady: true } } as const

  test('asks every endpoint at once, and then all of them again and again, charged to nobody', () => {
    const { deps, clock, below, call, top, send } = scene(waiting, false, { endpoints: 2 })
    let up = false
    below.onArrival = (arrival) => (up ? arrival.answer(ok()) : arrival.end(unsent()))
    const balance = deps.service.slot(budgetOf).balance(clock.now())
    send()
    assert.deepEqual(ports(below), [4001, 4002])
    clock.advance(50)
    assert.equal(below.arrived.length, 4)
    clock.advance(80)
    assert.equal(below.arrived.length, 6)
    clock.advance(3_600_000)
    assert.equal(top.ended, false)
    assert.ok(below.arrived.length < 2 * 3_700, 'a look a second, not a busy loop')
    assert.ok(below.arrived.length > 2 * 3_500, 'and never less often')
    assert.equal(call.trail?.length, 2, 'what it meets again is not written down again')
    up = true
    clock.advance(1_200)
    assert.equal(top.outcome?.class, 'success')
    assert.equal(below.last.unit.outbox.get(PREVIOUS_ATTEMPTS), undefined)
    assert.ok(deps.service.slot(budgetOf).balance(clock.now()) >= balance)
    assert.equal(clock.armed, 0)
  })

  test('waits for an endpoint where none is known', () => {
    const { clock, below, top, send } = scene(waiting)
    let known = false
    below.onArrival = (arrival) => (known ? arrival.answer(ok()) : arrival.end(refused()))
    send()
    clock.advance(10_000)
    assert.equal(top.ended, false)
    known = true
    clock.advance(1_200)
    assert.equal(top.outcome?.class, 'success')
  })

  test('ends at its deadline, when its caller leaves, and when the mesh closes', () => {
    for (const end of ['deadline', 'caller', 'closing'] as const) {
      const { deps, clock, below, top, send } = scene(waiting)
      below.onArrival = (arrival) => arrival.end(refused())
      send()
      if (end === 'closing') deps.service.slot(waitingOf).close()
      else top.cancel(end)
      assert.equal(top.ended, true)
      assert.equal(clock.armed, 0)
    }
  })

  test('does not wait where the time is up, where its messages are gone, nor for anything else', () => {
    for (const [more, outcome] of [
      [{ deadline: 1_000_000 }, unsent()],
      [{ replayable: false }, unsent()],
      [{}, unsent('refused-stream')],
      [{}, refusal(new MeshError('TULLE_IDENTITY', 'no certificate'))],
      [{ options: {} }, refused()],
    ] as const) {
      const { clock, below, top, send } = scene({ ...waiting, ...more }, false, { endpoints: 1 })
      send()
      below.last.end(outcome)
      assert.equal(top.ended, true)
      assert.equal(clock.armed, 0)
    }
  })

  test('waits even where it may not be sent a second time: it was not sent a first time', () => {
    const { clock, below, top, send } = scene({ ...waiting, options: { waitForReady: true, retry: false } })
    send()
    below.last.end(unsent())
    clock.advance(50)
    below.last.answer(answered())
    assert.equal(top.outcome?.class, 'failure')
  })
})

test('only retries that were charged are counted to the peer (gRFC A6)', () => {
  const { clock, below, call, send } = scene({}, {}, { endpoints: 5 })
  const said = (): string | undefined => below.last.unit.outbox.get(PREVIOUS_ATTEMPTS)
  send()
  assert.equal(said(), undefined)
  below.last.end(unsent())
  assert.equal(said(), undefined, 'sent again for nothing')
  assert.equal(below.last.unit.number, 2)
  below.last.answer(answered())
  clock.advance(25)
  assert.equal(said(), '1')
  below.last.end(unsent())
  assert.equal(said(), '1')
  assert.equal(call.retries, Number(said()))
})

test('one budget serves both protocols', () => {
  const { deps, below, hop, send } = scene()
  const budget = deps.service.slot(budgetOf)
  while (budget.withdraw(deps.clock.now()));
  send()
  assert.equal(below.last.head(answered()), 'deliver')
  new Recorder().send(hop, makeCall({ protocol: 'grpc', method: 'POST', idempotent: true }))
  assert.equal(below.last.head(answered()), 'deliver')
  deps.clock.advance(1_000)
  for (let n = 0; n < 20; n++) new Recorder().send(hop, makeCall({ protocol: 'grpc' }))
  send()
  assert.equal(below.last.head(answered()), 'discard', 'what gRPC calls deposited an HTTP call draws')
})

describe('the limits', () => {
  test('a retry that could not be answered in the time left is not made', () => {
    const { deps, below, send } = scene({ deadline: 1_000_100 })
    for (const endpoint of deps.service.endpoints) endpoint.load.ewmaMs = 90
    send()
    assert.equal(
      below.last.head(answered()),
      'deliver',
      '12.5 ms of back-off and 90 ms for an answer are too much',
    )
    const other = scene({ deadline: 1_000_103 })
    for (const endpoint of other.deps.service.endpoints) endpoint.load.ewmaMs = 90
    other.send()
    assert.equal(other.below.last.head(answered()), 'discard')
  })

  test('an empty budget delivers the answer, and says so', () => {
    const { deps, below, send } = scene()
    const budget = deps.service.slot(budgetOf)
    while (budget.withdraw(deps.clock.now()));
    send()
    assert.equal(below.last.head(answered()), 'deliver')
    assert.deepEqual(deps.events.of('retry-refused'), [{ service: 'orders', reason: 'budget' }])
  })

  test('the budget of the plan in force applies, not that of the plan a call began with', () => {
    const { deps, below, send } = scene()
    deps.service.plan = {
      ...deps.service.plan,
      params: { retry: { ...defaults, budget: { ratio: 0, minPerSecond: 0, ttl: 10_000 } } },
    }
    send()
    assert.equal(below.last.head(answered()), 'deliver')
  })

  test('every retry is an event', () => {
    const { deps, clock, below, send } = scene()
    send()
    below.last.end(unsent())
    below.last.answer(answered())
    clock.advance(25)
    below.last.answer(ok())
    assert.deepEqual(deps.events.of('retry'), [
      { service: 'orders', number: 2, afterMs: 0, condition: 'connect-failure', transparent: true },
      { service: 'orders', number: 3, afterMs: 12.5, condition: 'gateway-error', transparent: false },
    ])
  })
})

describe('cancel', () => {
  test('during a back-off ends the call at once', () => {
    const { clock, below, top, send } = scene()
    send()
    below.last.answer(answered())
    top.cancel('caller')
    assert.equal(top.outcome?.class, 'ignored')
    assert.equal(clock.armed, 0)
    assert.equal(below.arrived.length, 1)
  })

  test('a deadline in a back-off carries its error up', () => {
    const { top, below, send } = scene()
    send()
    below.last.end(reset())
    const error = refused().error
    top.cancel('deadline', error)
    assert.equal(top.outcome?.condition, 'deadline')
    assert.equal(top.outcome.error, error)
  })

  test('from inside the head of a later attempt reaches that attempt', () => {
    const { clock, below, top, send } = scene()
    top.onHead = () => top.cancel('caller')
    send()
    below.last.answer(answered())
    below.onArrival = (arrival: Arrival<Attempt<undefined>>) => arrival.head(ok())
    clock.advance(25)
    assert.equal(top.outcome?.class, 'ignored')
    assert.equal(below.live.length, 0)
  })

  test('a caller that leaves as the request is sent gets no further attempt, however that one ends', () => {
    const { clock, below, top, send } = scene()
    send()
    below.last.end(unsent())
    below.last.end(reset())
    top.sent = () => top.cancel('caller')
    below.onArrival = (arrival: Arrival<Attempt<undefined>>) => {
      arrival.sent()
      arrival.end(reset())
    }
    clock.advance(25)
    assert.equal(top.ended, true)
    clock.advance(1000)
    assert.equal(below.arrived.length, 3)
  })

  test('a head that the caller discards is an answer all the same: nothing follows it', () => {
    const { clock, below, top, send } = scene()
    top.answer = 'discard'
    send()
    below.last.head(ok())
    below.last.end(reset())
    assert.equal(top.ended, true)
    assert.equal(clock.armed, 0)
  })

  test('a cancelled attempt is not retried, whatever its outcome says', () => {
    const { clock, below, top, send } = scene()
    below.fairMs = 0
    send()
    top.cancel('deadline')
    assert.equal(top.outcome?.class, 'failure')
    clock.advance(1000)
    assert.equal(below.arrived.length, 1)
  })
})

test('under a full outage retries add at most a fifth and three per second to the load', () => {
  const deps = makeDeps({ random: seeded(7) })
  deps.service.populate(3)
  const below = new ScriptedHop<Attempt<undefined>>(deps.clock)
  below.onArrival = (arrival) => arrival.answer(answered())
  const hop = retry.layer({ ...defaults, limit: 10 }, deps)!(picking(deps, below))
  const seconds = 60
  let calls = 0
  for (let ms = 0; ms < seconds * 1000; ms += 5) {
    calls++
    new Recorder().send(hop, makeCall({ deadline: deps.clock.now() + 15_000 }))
    deps.clock.advance(5)
  }
  const retries = below.arrived.length - calls
  assert.ok(retries <= 0.2 * calls + 3 * (seconds + 10), `${retries} retries for ${calls} calls`)
  assert.ok(retries >= 0.19 * calls, 'and it is used')
})

test('a tenth of all attempts failing is hidden almost wholly', () => {
  const random = seeded(3)
  const deps = makeDeps({ random })
  deps.service.populate(3)
  const below = new ScriptedHop<Attempt<undefined>>(deps.clock)
  below.onArrival = (arrival) => (random() < 0.1 ? arrival.end(reset()) : arrival.answer(ok()))
  const hop = retry.layer(defaults, deps)!(picking(deps, below))
  const tops: Recorder[] = []
  for (let n = 0; n < 5_000; n++) {
    tops.push(new Recorder().send(hop, makeCall()))
    deps.clock.advance(2)
  }
  deps.clock.advance(1000)
  const good = tops.filter((top) => top.outcome?.class === 'success').length
  assert.ok(good / tops.length >= 1 - 0.1 ** 3 - 0.002, `${good} of ${tops.length}`)
})
