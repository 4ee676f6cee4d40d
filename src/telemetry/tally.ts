import type { BatchObservableResult, Observable } from '@opentelemetry/api'
import { OVERFLOW } from './duration.ts'

/** Values told apart; what strangers choose must not become memory. */
const MAX_VALUES = 100

/** A count by one label whose values come from outside. */
export class Tally {
  readonly #label: string
  readonly #counts = new Map<string, number>()
  #rest = 0

  constructor(label: string) {
    this.#label = label
  }

  add(value: string): void {
    const count = this.#counts.get(value)
    if (count === undefined && this.#counts.size >= MAX_VALUES) this.#rest++
    else this.#counts.set(value, (count ?? 0) + 1)
  }

  observe(instrument: Observable, result: BatchObservableResult): void {
    for (const [value, count] of this.#counts) result.observe(instrument, count, { [this.#label]: value })
    if (this.#rest > 0) result.observe(instrument, this.#rest, OVERFLOW)
  }
}
