import type { Dispatcher } from 'undici'

/** The one controller a handler holds for all attempts of its call; `onRequestStart` gets it once. */
export class Controller implements Dispatcher.DispatchController {
  rawHeaders: Buffer[] | null = null
  rawTrailers: Buffer[] | null = null
  /** Resumes the attempt whose answer is being delivered; undefined: no answer yet, nothing to resume. */
  live: (() => void) | undefined
  #paused = false
  #aborted = false
  #reason: Error | null = null
  readonly #owner: { abort(reason: unknown): void }

  constructor(owner: { abort(reason: unknown): void }) {
    this.#owner = owner
  }

  get aborted(): boolean {
    return this.#aborted
  }

  get paused(): boolean {
    return this.#paused
  }

  get reason(): Error | null {
    return this.#reason
  }

  abort(reason: Error): void {
    if (this.#aborted) return
    this.#aborted = true
    this.#reason = reason
    this.#owner.abort(reason)
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.live?.()
  }
}
