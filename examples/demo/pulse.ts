const BUCKET_MS = 250

/** How much each instance answers, over the last seconds: what the bars and sparklines show. */
export class Pulse {
  readonly #buckets = new Map<string, number[]>()
  readonly #length: number
  readonly #timer: NodeJS.Timeout

  /** @param length how many quarters of a second are kept */
  constructor(length = 24) {
    this.#length = length
    this.#timer = setInterval(() => this.#turn(), BUCKET_MS)
  }

  beat(name: string): void {
    const buckets = this.#of(name)
    buckets[buckets.length - 1] = (buckets[buckets.length - 1] ?? 0) + 1
  }

  /** Answers per second over the last second. */
  rate(name: string): number {
    const full = this.#of(name).slice(-5, -1)
    return full.length === 0
      ? 0
      : (full.reduce((sum, count) => sum + count, 0) / full.length) * (1000 / BUCKET_MS)
  }

  /** Answers in each quarter of a second, oldest first, without the one that is running. */
  history(name: string): readonly number[] {
    return this.#of(name).slice(0, -1)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #of(name: string): number[] {
    let buckets = this.#buckets.get(name)
    if (buckets === undefined) {
      buckets = [0]
      this.#buckets.set(name, buckets)
    }
    return buckets
  }

  #turn(): void {
    for (const buckets of this.#buckets.values()) {
      buckets.push(0)
      if (buckets.length > this.#length + 1) buckets.shift()
    }
  }
}
