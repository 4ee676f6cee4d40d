import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Call } from '../../src/core/call.ts'
import type { MeshError } from '../../src/core/errors.ts'
import type { Cancel, Observer } from '../../src/core/hop.ts'
import { MeshRequestView } from '../../src/core/mesh-request.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import { Deadlines } from '../../src/server/deadlines.ts'
import { Exchange } from '../../src/server/exchange.ts'
import { InboundCall } from '../../src/server/inbound-call.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { makeRoute } from '../kit/builders.ts'
import { inboundHarness } from '../kit/inbound-harness.ts'

/** An exchange without a wire: the test plays the application and the socket. */
class Played extends Exchange {
  answered = false
  runs = 0
  cuts = 0
  readonly answers: string[] = []
  fail: (() => void) | undefined

  protected override invoke(): Promise<void> {
    this.runs++
    return new Promise((_resolve, reject) => {
      this.fail = () => reject(new Error('thrown'))
    })
  }

  protected override answer(error: MeshError): void {
    this.answers.push(error.code)
  }

  protected override cut(): void {
    this.cuts++
  }

  override lastOfConnection(): void {}

  play(event: 'head' | 'done' | 'gone'): void {
    if (event === 'head') this.answered = true
    else if (event === 'gone') this.gone()
    else {
      this.answered = true
      this.done(200)
    }
  }
}

type Step = 'begin' | 'head' | 'done' | 'gone' | 'fail' | 'cancel' | 'deadline' | 'idle'
const STEPS: readonly Step[] = ['begin', 'head', 'done', 'gone', 'fail', 'cancel', 'deadline', 'idle']

test('in whatever order the handler, the caller, the clock and the layers act, a call begins at most once and ends exactly once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...STEPS), { maxLength: 8 }), async (steps) => {
      const clock = new ManualClock()
      const { runtime } = inboundHarness({ clock })
      const deadlines = new Deadlines(clock)
      let over = 0
      const exchange = new Played(runtime, { method: 'GET', url: '/' } as IncomingMessage, {
        add: () => {},
        delete: () => over++,
      })
      const ambient = { deadline: clock.now() + 1000, scope: exchange.scope }
      const call = new InboundCall(exchange, 'GET', '/', makeRoute(), { service: 'web' }, {}, ambient)
      const ends: Outcome[] = []
      let held: { call: Call<unknown>; observer: Observer } | undefined
      let cancelLeaf: Cancel | undefined
      // A layer that holds the call until the step 'begin', and obeys its laws.
      exchange.enter(
        (unit, observer) => {
          held = { call: unit, observer }
          return (reason) => {
            if (cancelLeaf !== undefined) cancelLeaf(reason)
            else if (held !== undefined) {
              held = undefined
              const outcome: Outcome = { class: 'ignored', committed: false, unsent: true }
              ends.push(outcome)
              observer.end(outcome)
            }
          }
        },
        call,
        deadlines,
      )
      const begin = (): void => {
        if (held === undefined || cancelLeaf !== undefined) return
        const { observer } = held
        cancelLeaf = exchange.begin(call, {
          head: (outcome) => observer.head(outcome),
          end: (outcome) => {
            ends.push(outcome)
            observer.end(outcome)
          },
        })
      }
      for (const step of [...steps, 'begin', 'gone'] as const) {
        if (step === 'begin') begin()
        else if (step === 'fail') exchange.fail?.()
        else if (step === 'cancel') cancelLeaf?.({ kind: 'closing', error: undefined })
        else if (step === 'deadline') clock.advance(1000)
        else if (step === 'idle') exchange.idle(5)
        // A handler that has not begun answers nothing.
        else if (step === 'gone' || exchange.runs > 0) exchange.play(step)
        await Promise.resolve().then(() => {})
      }
      assert.equal(ends.length, 1)
      assert.equal(over, 1)
      assert.ok(exchange.runs <= 1)
      assert.ok(exchange.answers.length <= 1)
      assert.equal(deadlines.size, 0)
      clock.advance(1000)
      assert.equal(clock.armed, 0)
      assert.ok(exchange.scope.finished !== exchange.scope.cancelled || exchange.answers.length === 1)
    }),
    { numRuns: 500 },
  )
})

test('what the application is told of a passed deadline happens in the context of its own request', () => {
  const clock = new ManualClock()
  const { runtime } = inboundHarness({ clock })
  const deadlines = new Deadlines(clock)
  const seen: unknown[] = []
  const calls = [1000, 2000].map((ms) => {
    const exchange = new Played(runtime, { method: 'GET', url: '/' } as IncomingMessage)
    const ambient = { deadline: clock.now() + ms, scope: exchange.scope }
    const call = new InboundCall(exchange, 'GET', '/', makeRoute(), { service: 'web' }, {}, ambient)
    const { deadline } = ambient
    exchange.mesh = new MeshRequestView({}, deadline, undefined, clock, exchange.scope)
    exchange.mesh.signal.addEventListener('abort', () => seen.push(runtime.ambient.get()))
    exchange.enter((unit, observer) => exchange.begin(unit, observer), call, deadlines)
    return call
  })
  clock.advance(2000)
  assert.deepEqual(
    seen.map((ambient) => calls.findIndex((call) => call.ambient === ambient)),
    [0, 1],
  )
})
