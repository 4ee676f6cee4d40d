import type { Clock } from '../core/ports.ts'

export interface FirstWaitOptions {
  readonly clock: Clock
  /** Milliseconds until it is given up. */
  readonly withinMs: number
  /** Milliseconds until what is kept is used. */
  readonly keptAfterMs: number
  /** @returns whether there was something to use; then `held` was called. */
  readonly useKept: () => boolean
  /** What the wait rejects with. */
  readonly nothing: (latest: unknown) => Error
}

/**
 * A start's wait for the first certificate. What is kept from an earlier run is used at the first failure, or when
 * asking takes long; without it, failures that may pass are waited out.
 */
export class FirstWait {
  readonly #options: FirstWaitOptions
  #latest: unknown
  #done = (): void => {}
  #fail = (_error: unknown): void => {}

  constructor(options: FirstWaitOptions) {
    this.#options = options
  }

  /** Rejects with what `nothing` makes, or the signal's reason. @param begin asks */
  over(begin: () => void, signal: AbortSignal): Promise<void> {
    const { clock, withinMs, keptAfterMs, useKept, nothing } = this.#options
    return new Promise((resolve, reject) => {
      const stop = (): void => this.#fail(signal.reason)
      const timers = [
        clock.after(Math.min(keptAfterMs, withinMs), () => useKept()),
        clock.after(withinMs, () => this.#fail(nothing(this.#latest))),
      ]
      const settle = (): void => {
        for (const disarm of timers) disarm()
        signal.removeEventListener('abort', stop)
      }
      this.#done = () => {
        settle()
        resolve()
      }
      this.#fail = (error) => {
        settle()
        reject(error)
      }
      signal.addEventListener('abort', stop, { once: true })
      begin()
    })
  }

  held(): void {
    this.#done()
  }

  failed(error: unknown, mayPass: boolean): void {
    const { useKept, nothing } = this.#options
    this.#latest = error
    if (!useKept() && !mayPass) this.#fail(nothing(error))
  }
}
