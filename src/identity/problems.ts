import type { Logger } from '../core/ports.ts'

/** What is wrong now, one sentence for each thing that can be: a warning when it begins, a word when it is over. */
export class Problems {
  readonly #log: Logger
  readonly #current = new Map<string, { readonly text: string; readonly mark: string }>()

  constructor(log: Logger) {
    this.#log = log
  }

  get text(): string | undefined {
    return [...this.#current.values()].map(({ text }) => text).join('; ') || undefined
  }

  /** What is wrong about one thing; undefined: nothing. */
  of(about: string): string | undefined {
    return this.#current.get(about)?.text
  }

  /**
   * Warns once for as long as it is the same problem: times and counts in it may be others each time.
   * @param why what tells it from another problem; default the text
   */
  set(about: string, text: string, why: string = text): void {
    const mark = why.replace(/\d+/g, '')
    if (this.#current.get(about)?.mark !== mark) this.#log.warn(`identity: ${text}`)
    this.#current.set(about, { text, mark })
  }

  clear(about: string): void {
    const over = this.#current.get(about)
    if (over === undefined || !this.#current.delete(about)) return
    this.#log.info(`identity: no longer so: ${over.text}`)
  }
}
