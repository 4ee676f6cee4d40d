import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Attempt } from '../../src/core/attempt.ts'
import type { Call } from '../../src/core/call.ts'
import type { AttemptLayer, CallLayer, CancelKind, Hop, Tries } from '../../src/core/hop.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import type { Params } from '../../src/core/plan.ts'
import {
  type FakeEndpoint,
  makeAttempt,
  makeCall,
  makeDeps,
  makeRoute,
  type TestDeps,
} from '../kit/builders.ts'
import { type Arrival, Recorder, ScriptedHop } from '../kit/hops.ts'
import { answered, ok, refused, reset, undecided, unsent } from '../kit/outcomes.ts'
import { seeded } from '../kit/random.ts'

type Protocol = Call<undefined>['protocol']
type Sides = { call: CallLayer; attempt: AttemptLayer; tries: Tries }

export interface ContractOptions {
  /** Parameters of the route and of the service, by policy key. */
  readonly params?: Params
  /** What each call or attempt looks like; `n` counts from 0. */
  readonly call?: (n: number, deps: TestDeps) => Partial<Call<undefined>>
  /** Runs before the layer is made. */
  readonly prepare?: (deps: TestDeps) => void
  /** What else may happen to the layer between two steps: a set arrives, a bound changes. `n` is random. */
  readonly happen?: (n: number, deps: TestDeps) => void
  /** How long after the last call background work may stay armed, in milliseconds; default 0. */
  readonly restMs?: number
}

/**
 * The laws of `core/hop.ts` for one layer: `make` builds it, `side` says where it stands. Layers above retry are
 * `call`, layers below it `attempt`, retry itself `tries`. They hold for the calls of either protocol.
 */
export function layerContract<S extends keyof Sides>(
  name: string,
  side: S,
  make: (deps: TestDeps) => Sides[S],
  options: ContractOptions = {},
): void {
  for (const protocol of ['http', 'grpc'] as const) lawsOver(protocol, name, side, make, options)
}

function lawsOver<S extends keyof Sides>(
  protocol: Protocol,
  name: string,
  side: S,
  make: (deps: TestDeps) => Sides[S],
  options: ContractOptions,
): void {
  const bench = (): Bench => new Bench(protocol, side, make, options)

  describe(`${name} keeps the laws of layers over ${protocol}`, () => {
    test('an answer comes up as it was given, and once', () => {
      const { top, below } = bench().enter()
      below.last.sent()
      below.last.answer(ok())
      assert.equal(top.sentCount, 1)
      assert.equal(top.headOutcome?.class, 'success')
      assert.equal(top.outcome?.class, 'success')
      assert.equal(top.outcome.committed, true)
    })

    test('the disposition of the head comes down in the same call', () => {
      for (const answer of ['deliver', 'discard'] as const) {
        const { top, below } = bench().enter()
        top.answer = answer
        assert.equal(below.last.head(ok()), answer)
        below.last.end(ok())
        assert.equal(top.ended, true)
      }
    })

    test('a hop may end before it returns its Cancel, and cancel after that does nothing', () => {
      const { top, below } = bench().enter((arrival) => arrival.answer(ok()))
      assert.equal(top.outcome?.class, 'success')
      top.cancel('caller')
      assert.equal(below.last.cancelledBy, undefined)
    })

    test('cancel ends at once, takes what is below with it, and is deaf to what follows', () => {
      for (const kind of ['caller', 'hedge', 'closing'] as const) {
        for (const stage of ['arrived', 'sent', 'head'] as const) {
          const { top, below } = bench().enter()
          if (stage !== 'arrived') below.last.sent()
          if (stage === 'head') below.last.head(ok())
          const error = new Error('gone')
          top.cancel(kind, error)
          assert.equal(top.outcome?.class, 'ignored', `${kind} after ${stage}`)
          assert.equal(below.last.cancelledBy?.kind, kind)
          assert.equal(below.last.cancelledBy?.error, error)
          top.cancel(kind)
        }
      }
    })

    test('a caller that leaves while it looks at the head is gone at once', () => {
      for (const answer of ['deliver', 'discard'] as const) {
        const { top, below } = bench().enter()
        top.answer = answer
        top.onHead = () => top.cancel('caller')
        below.last.head(ok())
        assert.equal(top.outcome?.class, 'ignored')
        assert.equal(below.live.length, 0)
      }
    })

    test('a refusal from below comes up untouched and is not tried again', () => {
      const { top, below } = bench().enter()
      const said = refused()
      below.last.end(said)
      assert.equal(top.outcome?.error, said.error)
      assert.equal(top.outcome?.class, 'ignored')
      assert.equal(below.arrived.length, 1)
    })

    test('a neighbour that always ends in the same tick is never entered inside itself', () => {
      for (const outcome of [
        unsent('connect-failure'),
        unsent('refused-stream'),
        reset(),
        answered(),
        refused(),
      ]) {
        const run = bench()
        run.enter((arrival) => arrival.end(outcome))
        run.deps.clock.advance(600_000)
        assert.ok(run.below.deepest <= 1, 'a loop within a tick')
        run.rest()
      }
    })

    test('whatever happens in whatever order, every law holds and nothing stays behind', () => {
      fc.assert(
        fc.property(fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }), fc.nat(), (steps, seed) => {
          const run = new Bench(protocol, side, make, options, seed)
          for (const one of steps) run.step(one)
          run.finish()
        }),
        { numRuns: 300 },
      )
    })
  })
}

const OUTCOMES: readonly (() => Outcome)[] = [
  ok,
  () => answered('gateway-error'),
  () => answered('5xx'),
  () => answered('gateway-error', { retryAfterMs: 40 }),
  () => answered('gateway-error', { retryAfterMs: -1 }),
  () => reset(),
  () => unsent('connect-failure'),
  () => unsent('refused-stream'),
  refused,
]
const HEADS: readonly (() => Outcome)[] = [
  ok,
  undecided,
  () => ok({ streaming: true }),
  () => answered('gateway-error'),
  () => answered('5xx'),
]
/** What only gRPC has: names of statuses, exact pushback, failures without a condition, successes that are penalised. */
const GRPC_ANSWERS: readonly (() => Outcome)[] = [
  () => ok({ code: 10, status: 'aborted' }),
  () => ok({ code: 2, status: 'unknown', penalised: true }),
  () => answered('gateway-error', { code: 14, status: 'unavailable' }),
  () => answered('rate-limited', { code: 8, status: 'resource-exhausted', retryAfterMs: 24 }),
  () => ({
    class: 'failure',
    committed: false,
    unsent: false,
    code: 7,
    status: 'permission-denied',
    penalised: false,
  }),
]
const OUTCOMES_OVER = { http: OUTCOMES, grpc: [...OUTCOMES, ...GRPC_ANSWERS] }
const HEADS_OVER = { http: HEADS, grpc: [...HEADS, ...GRPC_ANSWERS, () => undecided({ committed: true })] }

/** What a gRPC call has that an HTTP one has not. */
function traitsOf(protocol: Protocol, n: number): Partial<Call<undefined>> {
  if (protocol === 'http') return { method: n % 2 === 0 ? 'GET' : 'POST' }
  const waitForReady = n % 5 === 4
  return {
    protocol,
    method: 'POST',
    path: '/pricing.v1.Pricing/Quote',
    options: waitForReady ? { waitForReady } : {},
    builtInCovers: waitForReady ? 'nothing' : 'sent',
    cancel: n % 3 === 0 ? 'all' : undefined,
    underway: n % 7 === 6,
  }
}

const KINDS: readonly CancelKind[] = ['caller', 'deadline', 'hedge', 'closing']

const number = fc.nat({ max: 1000 })
const SCRIPTS = fc.constantFrom('wait', 'wait', 'wait', 'end', 'head', 'answer')
const DELAYS = fc.constantFrom(0, 1, 5, 24, 100, 501, 9_000, 16_000)
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('enter' as const), script: SCRIPTS, n: number }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('advance' as const), n: DELAYS }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom('sent', 'head', 'end'), n: number, which: number }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel' as const), n: number, which: number }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave-at-head' as const), which: number }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('happen' as const), n: number }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

const at = <T>(list: readonly T[], n: number): T => list[n % list.length] as T

/** One layer between a scripted hop and any number of recorders, on a manual clock. */
class Bench {
  readonly deps: TestDeps
  readonly tops: Recorder[] = []
  readonly #below: ScriptedHop<Call<undefined>> | ScriptedHop<Attempt<undefined>>
  readonly #enter: (n: number, top: Recorder) => void
  readonly #sent = new Set<Arrival<unknown>>()
  readonly #protocol: Protocol
  readonly #restMs: number
  readonly #happen: ContractOptions['happen']

  constructor(
    protocol: Protocol,
    side: keyof Sides,
    make: (deps: TestDeps) => CallLayer | AttemptLayer | Tries,
    options: ContractOptions,
    seed = 1,
  ) {
    this.deps = makeDeps({ random: seeded(seed), ...(options.params ? { params: options.params } : {}) })
    const endpoints = this.deps.service.populate(3)
    options.prepare?.(this.deps)
    this.#protocol = protocol
    this.#restMs = options.restMs ?? 0
    this.#happen = options.happen
    const layer = make(this.deps)
    const call = (n: number): Call<undefined> =>
      makeCall({
        idempotent: n % 2 === 0,
        route: makeRoute({ params: options.params ?? {}, cancel: undefined }),
        ...traitsOf(protocol, n),
        ...options.call?.(n, this.deps),
      })
    if (side === 'call') {
      const below = new ScriptedHop<Call<undefined>>(this.deps.clock)
      const hop: Hop<Call<undefined>> = (layer as CallLayer)(below.hop)
      this.#below = below
      this.#enter = (n, top) => top.send(hop, call(n))
    } else {
      const below = new ScriptedHop<Attempt<undefined>>(this.deps.clock)
      this.#below = below
      if (side === 'attempt') {
        const hop: Hop<Attempt<undefined>> = (layer as AttemptLayer)(below.hop)
        this.#enter = (n, top) =>
          top.send(
            hop,
            makeAttempt({ call: call(n), startedMs: this.deps.clock.now(), endpoint: this.deps.endpoint }),
          )
      } else {
        const hop: Hop<Call<undefined>> = (layer as Tries)((attempt, observer) => {
          attempt.endpoint ??= at<FakeEndpoint>(endpoints, attempt.number - 1)
          return below.hop(attempt, observer)
        })
        this.#enter = (n, top) => top.send(hop, call(n))
      }
    }
  }

  get below(): ScriptedHop<unknown> {
    return this.#below as ScriptedHop<unknown>
  }

  get top(): Recorder {
    return this.tops.at(-1) as Recorder
  }

  enter(onArrival?: (arrival: Arrival<unknown>) => void, n = this.tops.length, top = new Recorder()): this {
    this.below.onArrival = onArrival
    this.tops.push(top)
    this.#enter(n, top)
    this.below.onArrival = undefined
    return this
  }

  step(one: Step): void {
    const live = this.below.live
    switch (one.do) {
      case 'enter':
        this.enter((arrival) => this.#script(arrival, one.script, one.n), one.n)
        break
      case 'happen':
        this.#happen?.(one.n, this.deps)
        break
      case 'advance':
        this.deps.clock.advance(one.n)
        break
      case 'cancel': {
        const top = at([...this.tops, undefined], one.which)
        if (top === undefined || top.ended) break
        top.cancel(at(KINDS, one.n))
        assert.ok(top.ended, 'cancel did not end at once (law 2)')
        break
      }
      case 'leave-at-head': {
        const top = at([...this.tops, undefined], one.which)
        if (top !== undefined) top.onHead = () => top.cancel('caller')
        break
      }
      default:
        if (live.length > 0) this.#play(at(live, one.which), one.do, one.n)
    }
  }

  #script(arrival: Arrival<unknown>, script: string, n: number): void {
    if (script === 'end') this.#play(arrival, 'end', n)
    if (script === 'head' || script === 'answer') this.#play(arrival, 'head', n)
    if (script === 'answer') this.#play(arrival, 'end', n)
  }

  #play(arrival: Arrival<unknown>, what: 'sent' | 'head' | 'end', n: number): void {
    if (!arrival.live) return
    if (what === 'sent' && !arrival.headSeen && !this.#sent.has(arrival)) {
      this.#sent.add(arrival)
      arrival.sent()
    }
    if (what === 'head' && !arrival.headSeen) arrival.head(at(HEADS_OVER[this.#protocol], n)())
    // After a head only a success, a failure answered or a break can come: nothing is unsent any more.
    if (what === 'end')
      arrival.end(
        arrival.headSeen
          ? at([ok, () => answered(), () => reset()], n)()
          : at(OUTCOMES_OVER[this.#protocol], n)(),
      )
  }

  /** Everybody leaves; then nothing may be left below, and no timer. */
  finish(): void {
    for (const top of this.tops) {
      if (top.ended) continue
      top.cancel('caller')
      assert.equal(top.outcome?.class, 'ignored', 'a caller that leaves says nothing of the peer')
    }
    // A discarded answer is its leaf's own to drain and end (law 3); nobody above waits for that.
    for (const arrival of this.below.live) {
      assert.equal(arrival.disposition, 'discard', 'something below outlived its call')
      arrival.end(answered())
    }
    assert.ok(this.below.deepest <= 1, 'a loop within a tick (law 4)')
    this.rest()
  }

  rest(): void {
    this.deps.clock.advance(this.#restMs)
    assert.equal(this.deps.clock.armed, 0, 'a timer stays armed')
    assert.equal(this.deps.service.waiting, 0, 'a wait for readiness stays behind')
  }
}
