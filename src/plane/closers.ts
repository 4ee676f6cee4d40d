/** What is to be closed, in the reverse of the order it was opened in. */
export class Closers {
  readonly #closers: (() => unknown)[] = []

  add(close: () => unknown): void {
    this.#closers.push(close)
  }

  /** Each once, also where one fails: the lock of the directory above all. Rejects with the first failure. */
  async close(): Promise<void> {
    const failures: unknown[] = []
    for (let next = this.#closers.pop(); next !== undefined; next = this.#closers.pop())
      try {
        await next()
      } catch (error) {
        failures.push(error)
      }
    if (failures.length > 0) throw failures[0]
  }
}
