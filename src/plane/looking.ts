import type { Clock } from '../core/ports.ts'
import type { Store } from './store.ts'

export interface LookingOptions {
  readonly store: Pick<Store, 'watch'>
  readonly prefix: string
  readonly clock: Clock
  readonly look: () => Promise<void>
  /** It is looked again, by itself. */
  readonly onError: (error: Error) => void
}

/** After a change that could not be looked at, in milliseconds. */
const AGAIN_MS = 1000

/** Looks after each change in the store until it has been seen. Changes that come meanwhile are looked at once, afterwards. */
export class Looking {
  readonly #options: LookingOptions
  readonly #stop: () => void
  #running = false
  #changed = false
  #closed = false
  #disarm = (): void => {}

  constructor(options: LookingOptions) {
    this.#options = options
    this.#stop = options.store.watch(options.prefix, () => this.#again())
  }

  close(): void {
    this.#closed = true
    this.#stop()
    this.#disarm()
  }

  #again(): void {
    this.#changed = true
    if (!this.#running) void this.#run()
  }

  async #run(): Promise<void> {
    const { look, onError, clock } = this.#options
    this.#running = true
    this.#disarm()
    while (this.#changed && !this.#closed) {
      this.#changed = false
      try {
        await look()
      } catch (error) {
        if (this.#closed) break
        onError(error as Error)
        this.#disarm()
        this.#disarm = clock.background(AGAIN_MS, () => this.#again())
      }
    }
    this.#running = false
  }
}
