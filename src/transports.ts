import type { LeafFactory, TransportDeps, Transports } from './core/leaf.ts'
import { createHttpLeafFactory } from './http/leaf.ts'

/** The transports of one mesh, by protocol. An optional peer's comes with the first use of its entry point. */
export class TransportSet implements Transports {
  readonly #deps: TransportDeps
  readonly #factories = new Map<LeafFactory['protocol'], LeafFactory>()

  constructor(deps: TransportDeps) {
    this.#deps = deps
    this.#factories.set('http', createHttpLeafFactory(deps))
  }

  provide(protocol: 'grpc', make: (deps: TransportDeps) => LeafFactory): void {
    if (!this.#factories.has(protocol)) this.#factories.set(protocol, make(this.#deps))
  }

  /** A call of a protocol comes from the entry point that brought its transport. */
  of(protocol: LeafFactory['protocol']): LeafFactory {
    const factory = this.#factories.get(protocol)
    if (factory === undefined) throw new Error(`nobody brought a transport for ${protocol}`)
    return factory
  }
}
