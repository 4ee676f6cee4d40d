import type { Attributes } from '@opentelemetry/api'

/** More sets than this are a mistake somewhere: a label that takes its value from strangers. */
const MAX_SETS = 1000

/** The attribute set all further ones fall into, named as the SDK names its own. */
export const OVERFLOW: Attributes = Object.freeze({ 'otel.metric.overflow': true })

/** The attribute sets of one instrument: each is built once, and there is a bound to how many there can be. */
export class Labels {
  readonly #sets = new Map<string, Attributes>()

  get(key: string): Attributes | undefined {
    return this.#sets.get(key)
  }

  add(key: string, attributes: Attributes): Attributes {
    if (this.#sets.size >= MAX_SETS) return OVERFLOW
    this.#sets.set(key, attributes)
    return attributes
  }
}
