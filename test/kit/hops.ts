import assert from 'node:assert/strict'
import { cancelled } from '../../src/core/cancel.ts'
import type { Cancel, CancelReason, Hop, Observer } from '../../src/core/hop.ts'
import { NOTHING_TO_CANCEL } from '../../src/core/hop.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import type { Clock } from '../../src/core/ports.ts'

/** One unit that reached a scripted hop. The test plays the transport: `sent`, `head`, `end`. */
export class Arrival<U> {
  readonly unit: U
  /** When it arrived. */
  readonly atMs: number
  readonly #observer: Observer
  /** What the layers answered to the head. */
  disposition: 'deliver' | 'discard' | undefined
  /** How it ended: by the script, or by a cancel. */
  outcome: Outcome | undefined
  cancelledBy: CancelReason | undefined
  #headSeen = false

  constructor(unit: U, observer: Observer, atMs: number) {
    this.unit = unit
    this.#observer = observer
    this.atMs = atMs
  }

  get live(): boolean {
    return this.outcome === undefined
  }

  get headSeen(): boolean {
    return this.#headSeen
  }

  sent(): void {
    assert.ok(this.live, 'the script sends what has ended')
    this.#observer.sent?.()
  }

  head(outcome: Outcome): 'deliver' | 'discard' {
    assert.ok(this.live && !this.#headSeen, 'the script gives a second head, or one after the end')
    this.#headSeen = true
    const disposition = this.#observer.head(outcome)
    this.disposition = disposition
    return disposition
  }

  /** Ends it; whether the response was committed follows from the disposition of the head. */
  end(outcome: Outcome): void {
    assert.ok(this.live, 'the script ends a second time')
    const committed = this.disposition === 'deliver' || outcome.committed
    this.outcome = { ...outcome, committed }
    this.#observer.end(this.outcome)
  }

  /** Head and end of one outcome, as a small answer gives them. */
  answer(outcome: Outcome): void {
    this.head(outcome)
    if (this.live) this.end(outcome)
  }

  cancel(reason: CancelReason, nowMs: number, fairMs: number): void {
    if (!this.live) return
    this.cancelledBy = reason
    // Cancelled from inside its own head, the answer has not been given: nothing was committed yet.
    const committed = this.disposition === 'deliver'
    this.outcome = cancelled(reason, { startedMs: this.atMs, fairMs }, nowMs, committed, 'head')
    this.#observer.end(this.outcome)
  }
}

/**
 * The neighbour below a layer under test: keeps what arrives and does nothing until the test says so. Its cancel
 * obeys law 2.
 */
export class ScriptedHop<U> {
  readonly arrived: Arrival<U>[] = []
  /** Runs before the Cancel is returned: for hops that answer in the same tick. */
  onArrival: ((arrival: Arrival<U>) => void) | undefined
  /** How deep hops were entered inside one another; more than 1 is a loop within a tick (law 4). */
  deepest = 0
  /** How long a unit must have had before a passed deadline is the peer's fault. */
  fairMs = 7_500
  readonly #clock: Clock
  #depth = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  readonly hop: Hop<U> = (unit, observer): Cancel => {
    const arrival = new Arrival(unit, observer, this.#clock.now())
    this.arrived.push(arrival)
    this.#depth++
    this.deepest = Math.max(this.deepest, this.#depth)
    try {
      this.onArrival?.(arrival)
    } finally {
      this.#depth--
    }
    return (reason) => arrival.cancel(reason, this.#clock.now(), this.fairMs)
  }

  /** The latest unit to arrive. */
  get last(): Arrival<U> {
    const last = this.arrived.at(-1)
    assert.ok(last !== undefined, 'nothing arrived')
    return last
  }

  get live(): Arrival<U>[] {
    return this.arrived.filter((arrival) => arrival.live)
  }
}

/** The observer above a layer under test. Asserts law 1 as it listens. */
export class Recorder implements Observer {
  sentCount = 0
  headOutcome: Outcome | undefined
  outcome: Outcome | undefined
  /** What it answers to a head. */
  answer: 'deliver' | 'discard' = 'deliver'
  /** Runs inside `head`, before the answer: for callers that abort while they look at it. */
  onHead: (() => void) | undefined
  onEnd: ((outcome: Outcome) => void) | undefined
  #cancel: Cancel = NOTHING_TO_CANCEL
  #reason: CancelReason | undefined
  #entered = false

  /** Sends a unit down and remembers how to cancel it. */
  send<U>(hop: Hop<U>, unit: U): this {
    const cancel = hop(unit, this)
    assert.equal(typeof cancel, 'function', 'a hop returns its Cancel')
    this.#cancel = cancel
    this.#entered = true
    if (this.#reason !== undefined) cancel(this.#reason)
    return this
  }

  /** From inside `send` the cancel is kept until the hop has returned one, as a seam does. */
  cancel(kind: CancelReason['kind'] = 'caller', error: unknown = new Error(kind)): void {
    if (this.#entered) this.#cancel({ kind, error })
    else this.#reason ??= { kind, error }
  }

  get ended(): boolean {
    return this.outcome !== undefined
  }

  sent(): void {
    assert.equal(this.outcome, undefined, 'sent after end (law 1)')
    assert.equal(this.headOutcome, undefined, 'sent after head (law 1)')
    assert.equal(this.sentCount++, 0, 'sent twice (law 1)')
  }

  head(outcome: Outcome): 'deliver' | 'discard' {
    assert.equal(this.outcome, undefined, 'head after end (law 1)')
    assert.equal(this.headOutcome, undefined, 'a second head (law 1)')
    assert.notEqual(outcome.class, 'ignored', 'a head is never ignored')
    this.headOutcome = outcome
    this.onHead?.()
    return this.answer
  }

  end(outcome: Outcome): void {
    assert.equal(this.outcome, undefined, 'a second end (law 1)')
    assert.notEqual(outcome.class, 'undecided', 'an end is decided')
    this.outcome = outcome
    this.onEnd?.(outcome)
  }
}
