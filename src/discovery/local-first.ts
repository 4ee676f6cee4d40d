import type { EndpointSet } from '../core/endpoint.ts'
import type { Source } from './source.ts'

/** Two sources as one: names the local configuration lists never ask the registry. */
export class LocalFirst implements Source {
  readonly name: string
  readonly lazy = true
  readonly #local: Source
  readonly #registry: Source
  readonly #names: ReadonlySet<string>

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

  known(): readonly string[] {
    return [...new Set([...this.#names, ...this.#registry.known()])]
  }

  onKnown(listener: () => void): () => void {
    return this.#registry.onKnown?.(listener) ?? (() => {})
  }

  async close(): Promise<void> {
    await Promise.all([this.#local.close(), this.#registry.close()])
  }
}
