/** How long one step lasts, in milliseconds. */
export const STEP_MS = 100
/** By then a step admits a million calls: the ramp has done its work. */
const LAST_STEP = 20

/**
 * Lets callers back to a service that has just recovered: 1, 2, 4 … new calls per 100 ms, until a step in which
 * calls came and none was refused. A thousand waiting callers at once would only knock it over again.
 */
export class Ramp {
  readonly #startMs: number
  #step = 0
  #admitted = 0
  #refused = 0
  #over = false

  constructor(nowMs: number) {
    this.#startMs = nowMs
  }

  /** Everything is admitted from now on. */
  over(nowMs: number): boolean {
    this.#climb(nowMs)
    return this.#over
  }

  /** Whether `take` would admit one; counts nothing. */
  admits(nowMs: number): boolean {
    this.#climb(nowMs)
    return this.#over || this.#admitted < 2 ** this.#step
  }

  take(nowMs: number): boolean {
    const admitted = this.admits(nowMs)
    if (admitted) this.#admitted++
    else this.#refused++
    return admitted
  }

  #climb(nowMs: number): void {
    const step = Math.floor((nowMs - this.#startMs) / STEP_MS)
    if (step <= this.#step) return
    this.#over ||= step >= LAST_STEP || (this.#admitted > 0 && this.#refused === 0)
    this.#step = step
    this.#admitted = 0
    this.#refused = 0
  }
}
