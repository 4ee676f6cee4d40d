/**
 * Group commit: everybody who asks while a sync runs shares the next one. Each promise resolves after a sync that began
 * after it was asked for.
 */
export class SharedSync {
  readonly #sync: () => Promise<void>
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined

  constructor(sync: () => Promise<void>) {
    this.#sync = sync
  }

  request(): Promise<void> {
    this.#next ??= this.#after(this.#running)
    return this.#next
  }

  async #after(before: Promise<void> | undefined): Promise<void> {
    // Also where nothing runs: what is asked for in this tick goes along.
    await before?.catch(() => {})
    await Promise.resolve()
    const mine = this.#sync()
    this.#next = undefined
    this.#running = mine
    try {
      await mine
    } finally {
      if (this.#running === mine) this.#running = undefined
    }
  }
}
