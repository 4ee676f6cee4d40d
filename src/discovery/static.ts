import type { EndpointSet, EndpointSpec } from '../core/endpoint.ts'
import type { Source } from './source.ts'

const EMPTY: EndpointSet = Object.freeze({ endpoints: Object.freeze([]) })

/** Addresses that were written down: `TULLE_ENDPOINTS` or the `endpoints` option. Each set is reported once. */
export class StaticSource implements Source {
  readonly name = 'static'
  readonly #sets: ReadonlyMap<string, EndpointSet>

  constructor(endpoints: ReadonlyMap<string, readonly EndpointSpec[]>) {
    this.#sets = new Map(
      [...endpoints].map(([service, list]) => [service, Object.freeze({ endpoints: list })]),
    )
  }

  watch(service: string, onSet: (set: EndpointSet) => void): () => void {
    onSet(this.#sets.get(service) ?? EMPTY)
    return () => {}
  }

  known(): readonly string[] {
    return [...this.#sets.keys()]
  }

  async close(): Promise<void> {}
}
