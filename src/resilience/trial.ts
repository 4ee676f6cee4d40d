import type { Attempt } from '../core/attempt.ts'
import type { Call } from '../core/call.ts'
import { cancelled } from '../core/cancel.ts'
import type { Endpoint, EndpointState } from '../core/endpoint.ts'
import type { AttemptReport } from '../core/errors.ts'
import { PREVIOUS_ATTEMPTS } from '../core/header-names.ts'
import type { Cancel, CancelReason, Hop, Observer } from '../core/hop.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Decision, RetryRule, Spent } from './retry-rule.ts'

/**
 * One call on its way through its attempts. States:
 *
 *     trying → trying            an attempt failed, the next starts at once (never inside the other: law 4)
 *     trying → waiting → trying  … after a back-off, or until something may have become ready
 *     trying → done, waiting → done
 *
 * An attempt whose head was discarded is let go: its leaf drains and ends it (law 3) while the next one may be under
 * way, and what becomes of it no longer matters here.
 */
export class Trial<W> implements Spent {
  readonly #call: Call<W>
  readonly #up: Observer
  readonly #next: Hop<Attempt<W>>
  readonly #rule: RetryRule
  retries = 0
  backoffs = 0
  waits = 0
  repeated = false
  #tried: Set<Endpoint> | undefined
  /** One of those may have got the call. */
  #reached = false
  /** The attempt that answers for the call; undefined while waiting and when done. */
  #current: Try<W> | undefined
  #latest: Try<W> | undefined
  #below: Cancel | undefined
  #disarm: (() => void) | undefined
  #reason: CancelReason | undefined
  #starting = false
  #another = false
  #sent = false
  #done = false

  constructor(call: Call<W>, up: Observer, next: Hop<Attempt<W>>, rule: RetryRule) {
    this.#call = call
    this.#up = up
    this.#next = next
    this.#rule = rule
  }

  get endpoints(): number {
    return this.#tried?.size ?? 0
  }

  start(): Cancel {
    const now = this.#rule.deps.clock.now()
    this.#rule.deposit(now)
    this.#go(now)
    return this.cancel
  }

  readonly cancel: Cancel = (reason) => {
    if (this.#done || this.#reason !== undefined) return
    this.#reason = reason
    if (this.#below !== undefined) this.#below(reason)
    else if (this.#disarm !== undefined) this.#giveUp(reason)
  }

  sent(): void {
    if (this.#sent) return
    this.#sent = true
    this.#up.sent?.()
  }

  head(attempt: Try<W>, outcome: Outcome): 'deliver' | 'discard' {
    this.#call.endpoint = attempt.endpoint
    if (this.#rule.concerns(this.#call, outcome) && this.#again(attempt, outcome)) return 'discard'
    return this.#up.head(outcome)
  }

  end(attempt: Try<W>, outcome: Outcome): void {
    if (this.#current !== attempt) return
    this.#call.endpoint = attempt.endpoint
    if (!attempt.headSeen && this.#rule.concerns(this.#call, outcome) && this.#again(attempt, outcome)) return
    this.#current = undefined
    this.#below = undefined
    if (outcome.class === 'failure' || outcome.condition === 'deadline') this.#report(attempt, outcome)
    this.#finish(outcome)
  }

  /** Starts attempts until one does not end in the tick it was started in. */
  #go(nowMs: number): void {
    if (this.#starting) {
      this.#another = true
      return
    }
    this.#starting = true
    do {
      this.#another = false
      this.#attempt(nowMs)
    } while (this.#another)
    this.#starting = false
  }

  #attempt(nowMs: number): void {
    if (this.#reason !== undefined) {
      this.#giveUp(this.#reason)
      return
    }
    const call = this.#call
    const attempt = new Try(this, call, nowMs, this.#rule.fairMs(call), this.#tried ?? NONE, !this.#reached)
    this.#current = attempt
    this.#latest = attempt
    this.#below = undefined
    const cancel = this.#next(attempt, attempt)
    if (this.#current !== attempt) return
    call.endpoint = attempt.endpoint
    this.#below = cancel
    if (this.#reason !== undefined) cancel(this.#reason)
  }

  /** Whether another attempt follows this one; if so it is on its way. */
  #again(attempt: Try<W>, outcome: Outcome): boolean {
    if (this.#reason !== undefined) return false
    if (attempt.endpoint !== undefined) {
      this.#tried ??= new Set()
      this.repeated = this.#tried.has(attempt.endpoint)
      this.#tried.add(attempt.endpoint)
      if (!outcome.unsent) this.#reached = true
    }
    const now = this.#rule.deps.clock.now()
    const decision = this.#rule.decide(this.#call, outcome, this, now)
    if (decision === undefined) return false
    this.#current = undefined
    this.#below = undefined
    // A call may wait for hours: what it meets meanwhile is what it met at first.
    if (this.waits === 0 || !outcome.unsent) this.#report(attempt, outcome)
    if (decision.waits) {
      this.waits++
      this.#tried = undefined
      this.repeated = false
    } else {
      if (!decision.transparent) {
        this.#call.retries = ++this.retries
        this.backoffs = decision.told ? 0 : this.backoffs + 1
      }
      this.#announce(decision, outcome)
    }
    if (decision.transparent && !decision.waits) this.#go(now)
    else this.#pause(decision.afterMs)
    return true
  }

  #pause(ms: number): void {
    const { clock } = this.#rule.deps
    this.#rule.waiting.join(this.cancel, this.#call.target.service)
    this.#disarm = clock.after(ms, () => {
      this.#disarm = undefined
      this.#rule.waiting.leave(this.cancel)
      this.#go(clock.now())
    })
  }

  #giveUp(reason: CancelReason): void {
    this.#disarm?.()
    this.#disarm = undefined
    this.#rule.waiting.leave(this.cancel)
    const attempt = this.#latest as Try<W>
    this.#finish(cancelled(reason, attempt, this.#rule.deps.clock.now(), false, 'queue'))
  }

  #finish(outcome: Outcome): void {
    this.#done = true
    this.#up.end(outcome)
  }

  #report(attempt: Try<W>, outcome: Outcome): void {
    const ms = this.#rule.deps.clock.now() - attempt.startedMs
    const phase = outcome.phase ?? 'head'
    const report: AttemptReport = { endpoint: attempt.endpoint?.id, phase, ms, cause: causeOf(outcome) }
    this.#call.trail ??= []
    this.#call.trail.push(report)
  }

  #announce({ afterMs, transparent }: Decision, { condition }: Outcome): void {
    const { events, service } = this.#rule.deps
    if (!events.wants('retry')) return
    const number = this.#call.attempts + 1
    events.emit('retry', { service: service.name, number, afterMs, condition, transparent })
  }
}

const NONE: ReadonlySet<Endpoint> = new Set()

/** One attempt and its ears in one object: this is made for every call. */
class Try<W> implements Attempt<W>, Observer {
  readonly call: Call<W>
  readonly number: number
  readonly startedMs: number
  readonly fairMs: number
  readonly tried: ReadonlySet<Endpoint>
  readonly unreached: boolean
  #outbox: Map<string, string> | undefined
  endpoint: EndpointState | undefined
  headSeen = false
  readonly #trial: Trial<W>

  constructor(
    trial: Trial<W>,
    call: Call<W>,
    startedMs: number,
    fairMs: number,
    tried: ReadonlySet<Endpoint>,
    unreached: boolean,
  ) {
    this.#trial = trial
    this.call = call
    this.number = ++call.attempts
    this.startedMs = startedMs
    this.fairMs = fairMs
    this.tried = tried
    this.unreached = unreached && tried !== NONE
    // Not those that never left: gRFC A6 leaves transparent retries out of the count.
    if (trial.retries > 0) this.outbox.set(PREVIOUS_ATTEMPTS, String(trial.retries))
  }

  get outbox(): Map<string, string> {
    this.#outbox ??= new Map()
    return this.#outbox
  }

  get hasOutbox(): boolean {
    return this.#outbox !== undefined
  }

  sent(): void {
    this.#trial.sent()
  }

  head(outcome: Outcome): 'deliver' | 'discard' {
    this.headSeen = true
    return this.#trial.head(this, outcome)
  }

  end(outcome: Outcome): void {
    this.#trial.end(this, outcome)
  }
}

/** The transport's own code where there is one, then the answer's status, by its name where it has one, then ours. */
function causeOf({ error, code, status, condition }: Outcome): string {
  const system = (error?.cause as { code?: unknown } | undefined)?.code
  if (typeof system === 'string') return system
  if (status !== undefined) return status
  if (code !== undefined) return String(code)
  return error?.code ?? condition ?? 'unknown'
}
