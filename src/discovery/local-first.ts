import type { EndpointSet } from '../core/endpoint.ts'
import type { Source } from './source.ts'

const MAX_NAMES = 20_000

/** Two sources as one: names the local configuration lists never ask the registry. */
export class LocalFirst implements Source {
  readonly name: string
  readonly lazy = true
  readonly #local: Source
  readonly #registry: Source
  readonly #names: ReadonlySet<string>
  readonly #heard = new Set<string>()

  constructor(local: Source, registry: Source) {
    this.name = registry.name
    this.#local = local
    this.#registry = registry
    this.#names = new Set(local.known())
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.#registry.start?.(signal)
  }

  watch(service: string, onSet: (set: EndpointSet) => void, onError: (error: unknown) => void): () => void {
    const source = this.#names.has(service) ? this.#local : this.#registry
    return source.watch(service, onSet, onError)
  }

  /**
   * A name once known stays so: a service whose last instance has gone has no endpoint, but it is no spelling mistake,
   * and what was counted of it must outlive the gap.
   */
  known(): readonly string[] {
    for (const name of this.#registry.known()) if (this.#heard.size < MAX_NAMES) this.#heard.add(name)
    return [...new Set([...this.#names, ...this.#heard])]
  }

  onKnown(listener: () => void): () => void {
    return this.#registry.onKnown?.(listener) ?? (() => {})
  }

  seek(name: string): void {
    this.#registry.seek?.(name)
  }

  async close(): Promise<void> {
    await Promise.all([this.#local.close(), this.#registry.close()])
  }
}
