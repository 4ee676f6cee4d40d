import type { Clock } from '../core/ports.ts'

/**
 * One request on its way, with everything that may end it before its answer: whoever asked, its time, the end of the
 * link; or make it be sent once more, with other credentials.
 *
 * flying -> (`end`) ended; flying -> (`again`) broken -> (`next`) flying. Whichever comes first, and never after `done`.
 */
export class Flight {
  readonly #disarm: () => void
  readonly #unlisten: () => void
  #controller = new AbortController()
  #over: { readonly reason: unknown } | undefined
  #broken = false

  constructor(clock: Clock, limitMs: number, late: () => Error, signal: AbortSignal | undefined) {
    this.#disarm = clock.background(limitMs, () => this.end(late()))
    const stop = (): void => this.end(signal?.reason)
    signal?.addEventListener('abort', stop, { once: true })
    this.#unlisten = () => signal?.removeEventListener('abort', stop)
    if (signal?.aborted) stop()
  }

  /** Of the try that is on its way now. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** What ended it; undefined: nothing did. */
  get over(): { readonly reason: unknown } | undefined {
    return this.#over
  }

  end(reason: unknown): void {
    this.#over ??= { reason }
    this.#controller.abort(reason)
  }

  again(): void {
    this.#broken = true
    this.#controller.abort()
  }

  /** Whether it was broken off to be sent once more; then it may be. */
  next(): boolean {
    if (!this.#broken || this.#over !== undefined) return false
    this.#broken = false
    this.#controller = new AbortController()
    return true
  }

  /** Resolves after `ms`, or as soon as it is broken off or ended. */
  pause(clock: Clock, ms: number): Promise<void> {
    const { signal } = this
    return new Promise((resolve) => {
      const end = (): void => {
        disarm()
        signal.removeEventListener('abort', end)
        resolve()
      }
      const disarm = clock.background(ms, end)
      signal.addEventListener('abort', end, { once: true })
      if (signal.aborted) end()
    })
  }

  done(): void {
    this.#disarm()
    this.#unlisten()
  }
}
