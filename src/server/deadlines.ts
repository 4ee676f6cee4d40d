import type { Clock } from '../core/ports.ts'
import { InFlight, type Listed } from './in-flight.ts'

/** Whose time is limited. */
export interface Hurried {
  overdue(): void
}

/** Node fires longer timers at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/**
 * The deadlines of what is in flight, watched by one timer that is set for the earliest: nearly every request is
 * answered long before, and a timer of its own for each costs about half a microsecond where asynchronous hooks are on. The timer
 * stays when the last one is answered, for the next will come; it never keeps the process alive.
 */
export class Deadlines {
  readonly #clock: Clock
  readonly #all = new InFlight<Due>()
  #ringsAtMs = Number.POSITIVE_INFINITY
  #silence: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#all.size
  }

  add(atMs: number, who: Hurried): Due {
    const due = new Due(atMs, who)
    this.#all.add(due)
    if (atMs < this.#ringsAtMs) this.#set(atMs)
    return due
  }

  /** Safe to call again. */
  delete(due: Due): void {
    this.#all.delete(due)
  }

  #set(atMs: number): void {
    this.#silence?.()
    this.#ringsAtMs = atMs
    const ms = Math.min(Math.max(0, atMs - this.#clock.now()), LONGEST_TIMER_MS)
    this.#silence = this.#clock.background(ms, () => this.#ring())
  }

  #ring(): void {
    this.#silence = undefined
    this.#ringsAtMs = Number.POSITIVE_INFINITY
    const nowMs = this.#clock.now()
    let nextMs = Number.POSITIVE_INFINITY
    const failed: unknown[] = []
    for (const due of this.#all.all()) {
      if (due.atMs > nowMs) nextMs = Math.min(nextMs, due.atMs)
      // One of those before it may have ended this one.
      else if (due.listed) this.#expire(due, failed)
    }
    if (nextMs < this.#ringsAtMs) this.#set(nextMs)
    if (failed.length > 0) throw failed.length === 1 ? failed[0] : new AggregateError(failed)
  }

  /** What one of them throws must not keep the others waiting: thrown when all were told, as from its own timer. */
  #expire(due: Due, failed: unknown[]): void {
    this.#all.delete(due)
    try {
      due.who.overdue()
    } catch (error) {
      failed.push(error)
    }
  }
}

/** One deadline, in `Clock.now()` milliseconds. */
export class Due implements Listed {
  older: Listed | undefined = undefined
  newer: Listed | undefined = undefined
  listed = false
  readonly atMs: number
  readonly who: Hurried

  constructor(atMs: number, who: Hurried) {
    this.atMs = atMs
    this.who = who
  }
}
