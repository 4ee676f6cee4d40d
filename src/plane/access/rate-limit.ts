import type { Clock } from '../../core/ports.ts'

export interface RateOptions {
  readonly perSecond: number
  /** How many at once after a long silence; at least 1. */
  readonly burst: number
}

/** So many keys are remembered at most; past it those are forgotten that were taken from longest ago. */
const MOST_KEYS = 10_000

/**
 * A token bucket per key, kept as the one number of the generic cell rate algorithm (ITU-T I.371): the moment at which
 * the bucket would be full again. Monotonic time, so that a step of the wall clock neither gives nor takes.
 */
export class RateLimit {
  readonly #intervalMs: number
  readonly #toleranceMs: number
  readonly #clock: Clock
  /** In the order of the last take. */
  readonly #fullAt = new Map<string, number>()

  constructor({ perSecond, burst }: RateOptions, clock: Clock) {
    this.#intervalMs = 1000 / perSecond
    this.#toleranceMs = (burst - 1) * this.#intervalMs
    this.#clock = clock
  }

  /** Milliseconds until a take is admitted; 0: now. Takes nothing. */
  wait(key: string): number {
    const now = this.#clock.now()
    return Math.max(0, (this.#fullAt.get(key) ?? now) - this.#toleranceMs - now)
  }

  /** Takes one where one is left. */
  take(key: string): boolean {
    if (this.wait(key) > 0) return false
    const fullAt = Math.max(this.#fullAt.get(key) ?? 0, this.#clock.now()) + this.#intervalMs
    this.#fullAt.delete(key)
    this.#fullAt.set(key, fullAt)
    if (this.#fullAt.size > MOST_KEYS) this.#fullAt.delete(this.#fullAt.keys().next().value!)
    return true
  }
}
