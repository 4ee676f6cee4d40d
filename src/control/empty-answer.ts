import type { Clock } from '../core/ports.ts'

/** An answer is believed when it is the third, each this long after the one before, in milliseconds. */
const ANSWERS = 3
const EVERY_MS = 2500

export interface EmptyAnswerOptions {
  readonly clock: Clock
  /** Asks again, without waiting for a change. True: still nothing. Rejects where that says nothing either way. */
  readonly look: () => Promise<boolean>
  readonly onConfirmed: () => void
}

/** An empty answer after one that was not, held until it has been given three times over five seconds. */
export class EmptyAnswer {
  readonly #options: EmptyAnswerOptions
  #answers = 0
  #disarm: (() => void) | undefined

  constructor(options: EmptyAnswerOptions) {
    this.#options = options
  }

  /** Counts the answer that begins it as the first. */
  hold(): void {
    if (this.#disarm !== undefined) return
    this.#answers = 1
    this.#wait()
  }

  /** There is something after all, or nobody asks any longer. */
  stop(): void {
    this.#disarm?.()
    this.#disarm = undefined
  }

  #wait(): void {
    const disarm = this.#options.clock.background(EVERY_MS, () => {
      const still = (then: () => void) => (this.#disarm === disarm ? then() : undefined)
      this.#options.look().then(
        (empty) => still(() => this.#looked(empty)),
        () => still(() => this.#wait()),
      )
    })
    this.#disarm = disarm
  }

  #looked(empty: boolean): void {
    this.#answers += 1
    if (empty && this.#answers < ANSWERS) {
      this.#wait()
      return
    }
    this.stop()
    if (empty) this.#options.onConfirmed()
  }
}
