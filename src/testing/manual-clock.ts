import type { Clock } from '../core/ports.ts'

interface Timer {
  readonly at: number
  readonly order: number
  readonly fn: () => void
}

/**
 * A clock that moves only when told. Timers fire in order of their time, those of one moment in the order they were
 * set, and `now()` inside a callback is the time it was set for: the same run every time.
 */
export class ManualClock implements Clock {
  #now: number
  #order = 0
  readonly #timers = new Set<Timer>()

  /** @param startMs where `now()` begins, in milliseconds; default 1,000,000 so that a mistaken zero shows */
  constructor(startMs = 1_000_000) {
    this.#now = startMs
  }

  now(): number {
    return this.#now
  }

  after(ms: number, fn: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, ms), order: this.#order++, fn }
    this.#timers.add(timer)
    return () => {
      this.#timers.delete(timer)
    }
  }

  background(ms: number, fn: () => void): () => void {
    return this.after(ms, fn)
  }

  /** Timers still armed: at rest there are none. */
  get armed(): number {
    return this.#timers.size
  }

  /** Milliseconds until the next timer; undefined: none is armed. */
  get next(): number | undefined {
    const timer = this.#earliest()
    return timer === undefined ? undefined : timer.at - this.#now
  }

  /** Moves time forward by `ms`, firing what comes due on the way, timers set meanwhile included. */
  advance(ms: number): void {
    const end = this.#now + ms
    for (let timer = this.#earliest(); timer !== undefined && timer.at <= end; timer = this.#earliest()) {
      this.#timers.delete(timer)
      this.#now = timer.at
      timer.fn()
    }
    this.#now = end
  }

  #earliest(): Timer | undefined {
    let first: Timer | undefined
    for (const timer of this.#timers) {
      if (first === undefined || timer.at < first.at || (timer.at === first.at && timer.order < first.order))
        first = timer
    }
    return first
  }
}
