import { observe, observeAtLeast, penalise } from '../balance/ewma.ts'
import type { Attempt } from '../core/attempt.ts'
import type { EndpointState, Load } from '../core/endpoint.ts'
import type { AttemptLayer, Cancel, Hop, Observer } from '../core/hop.ts'
import type { LayerModule, NoParams } from '../core/module.ts'
import { isRefusal, type Outcome } from '../core/outcome.ts'
import type { Clock } from '../core/ports.ts'
import type { Slot } from '../core/service.ts'

/** What a failure costs an endpoint in the eyes of the balancers, in milliseconds; a longer Retry-After counts up to the maximum. */
export const PENALTY_MS = 5_000
export const MAX_PENALTY_MS = 300_000

/**
 * Keeps what the balancers read: what is in flight, the round trip to the head, the age of the oldest wait, and the
 * penalty of endpoints that fail fast (SEMANTICS 2.7). Refusals of our own layers leave no trace.
 */
export const load: LayerModule<NoParams, AttemptLayer> = {
  role: 'load',
  layer: (_params, { clock, endpoint }) => (endpoint === undefined ? undefined : loadLayer(endpoint, clock)),
}

function loadLayer(endpoint: EndpointState, clock: Clock): AttemptLayer {
  const waits = endpoint.slot(WAITS)
  return <W>(next: Hop<Attempt<W>>): Hop<Attempt<W>> =>
    (attempt, observer): Cancel =>
      next(attempt, new Flight(endpoint.load, waits, attempt.startedMs, clock, observer))
}

/**
 * The attempts of one endpoint that wait for their head, oldest first: attempts start in the order of time, so a
 * doubly linked list of the observers themselves gives the oldest in O(1) without an allocation.
 */
interface Waits {
  oldest: Flight | undefined
  newest: Flight | undefined
}

const WAITS: Slot<Waits> = { name: 'waits', make: () => ({ oldest: undefined, newest: undefined }) }

class Flight implements Observer {
  older: Flight | undefined
  newer: Flight | undefined
  #waiting = true
  readonly #load: Load
  readonly #waits: Waits
  readonly #startedMs: number
  readonly #clock: Clock
  readonly #up: Observer

  constructor(load: Load, waits: Waits, startedMs: number, clock: Clock, up: Observer) {
    this.#load = load
    this.#waits = waits
    this.#startedMs = startedMs
    this.#clock = clock
    this.#up = up
    load.inFlight++
    this.older = waits.newest
    if (waits.newest === undefined) {
      waits.oldest = this
      load.oldestMs = startedMs
    } else waits.newest.newer = this
    waits.newest = this
  }

  sent(): void {
    this.#up.sent?.()
  }

  head(outcome: Outcome): 'deliver' | 'discard' {
    this.#answered(outcome)
    return this.#up.head(outcome)
  }

  end(outcome: Outcome): void {
    if (this.#waiting) this.#answered(outcome)
    this.#load.inFlight--
    this.#up.end(outcome)
  }

  #answered(outcome: Outcome): void {
    this.#waiting = false
    this.#leaveList()
    if (isRefusal(outcome)) return
    record(this.#load, outcome, this.#startedMs, this.#clock.now())
  }

  #leaveList(): void {
    const { older, newer } = this
    if (newer === undefined) this.#waits.newest = older
    else newer.older = older
    if (older === undefined) {
      this.#waits.oldest = newer
      this.#load.oldestMs = newer === undefined ? Number.POSITIVE_INFINITY : newer.#startedMs
    } else older.newer = newer
    this.older = undefined
    this.newer = undefined
  }
}

function record(load: Load, outcome: Outcome, startedMs: number, nowMs: number): void {
  const elapsedMs = nowMs - startedMs
  if (failedFast(outcome)) {
    observeAtLeast(load, elapsedMs, nowMs)
    penalise(load, Math.max(PENALTY_MS, Math.min(outcome.retryAfterMs ?? 0, MAX_PENALTY_MS)), nowMs)
  } else if (answered(outcome)) observe(load, elapsedMs, nowMs)
  else observeAtLeast(load, elapsedMs, nowMs)
}

function answered({ class: verdict, penalised }: Outcome): boolean {
  return verdict === 'success' || verdict === 'undecided' || penalised === false
}

/** A failure the peer or its host gave; one that took all the time it had is measured by that time already. */
function failedFast({ class: verdict, condition, penalised }: Outcome): boolean {
  if (penalised !== undefined) return penalised
  if (condition === 'rate-limited') return true
  return verdict === 'failure' && condition !== 'try-timeout' && condition !== 'deadline'
}
