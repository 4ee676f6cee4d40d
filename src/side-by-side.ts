import type { Part } from './core/ports.ts'

/** Parts that do not need each other: their start takes as long as the slowest of them, and not all of them in turn. */
export class SideBySide implements Part {
  readonly name: string
  readonly #parts: readonly Part[]

  constructor(parts: readonly Part[]) {
    this.name = parts.map(({ name }) => name).join(' and ')
    this.#parts = parts
  }

  /** Rejects with what the first of them that failed, in the order they were given, rejected with. */
  async start(signal: AbortSignal): Promise<void> {
    const starts = await Promise.allSettled(this.#parts.map((part) => part.start(signal)))
    for (const start of starts) if (start.status === 'rejected') throw start.reason
  }

  async close(): Promise<void> {
    const closes = await Promise.allSettled(this.#parts.map((part) => part.close()))
    for (const close of closes) if (close.status === 'rejected') throw close.reason
  }
}
