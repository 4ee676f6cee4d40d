import { credentials } from '@grpc/grpc-js'
import type { Attempt } from '../core/attempt.ts'
import type { EndpointState } from '../core/endpoint.ts'
import { type MeshError, stormError } from '../core/errors.ts'
import { type Cancel, NOTHING_TO_CANCEL, type Observer } from '../core/hop.ts'
import type { Leaf, LeafFactory, TransportDeps } from '../core/leaf.ts'
import { refusal } from '../core/outcome.ts'
import { connectPiece } from '../policy/connect.ts'
import { protectionOf } from '../policy/protection.ts'
import { unreachable } from './fault.ts'
import { Lane } from './lane.ts'
import { Lanes } from './lanes.ts'
import { GrpcLink } from './link.ts'
import { targetOf } from './transport-options.ts'
import { unreachableReason } from './unreachable.ts'
import type { GrpcWire } from './wire.ts'

/** The gRPC transport: grpc-js's HTTP/2 and framing, and nothing else of it. */
export function createGrpcLeafFactory(deps: TransportDeps): LeafFactory {
  return {
    protocol: 'grpc',
    open(endpoint) {
      const protection = protectionOf(endpoint, deps.mtls, deps.identity !== undefined, 'grpc')
      if (typeof protection === 'object') return new RefusingLeaf(protection.refuse)
      return new PlaintextLeaf(endpoint, deps)
    },
  }
}

class PlaintextLeaf implements Leaf {
  readonly #endpoint: EndpointState
  readonly #running = new Set<GrpcLink>()
  readonly #lanes: Lanes
  readonly #journey
  #closed = false
  #emptied: () => void = () => {}

  constructor(endpoint: EndpointState, deps: TransportDeps) {
    const { clock, random } = deps
    this.#endpoint = endpoint
    this.#journey = { clock, running: this.#running, emptied: () => this.#emptied() }
    this.#lanes = new Lanes(
      (options) =>
        new Lane({
          target: targetOf(endpoint),
          options,
          clock,
          random,
          timeoutMs: () => endpoint.params(connectPiece).timeout,
          credentials: () => credentials.createInsecure(),
          explain: (reason) => unreachableReason(endpoint, reason),
          opened() {},
          closed() {},
        }),
    )
  }

  readonly hop = (attempt: Attempt<unknown>, observer: Observer): Cancel => {
    if (this.#closed) {
      observer.end(refusal(this.#closing()))
      return NOTHING_TO_CANCEL
    }
    const unit = attempt as Attempt<GrpcWire>
    const link = new GrpcLink(unit, observer, this.#journey, this.#lanes.of(unit.call.wire.channelOptions))
    link.begin()
    return (reason) => link.cancel(reason)
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#running.size > 0)
      await new Promise<void>((resolve) => {
        this.#emptied = resolve
      })
    this.#end()
  }

  destroy(): void {
    this.#closed = true
    for (const link of [...this.#running]) link.cut('cut, the mesh is closed')
    this.#end()
  }

  #end(): void {
    for (const lane of this.#lanes.all()) lane.close()
  }

  #closing(): MeshError {
    const { id, service } = this.#endpoint
    const details = { layer: 'grpc', service: service.name, endpoint: id }
    return stormError('TULLE_CLOSED', `${service.name}: the way to ${id} is closed`, details)
  }
}

/** Where there is no way to an endpoint that the mode allows: because of it (it offers no TLS), or because of us. */
class RefusingLeaf implements Leaf {
  readonly #refuse: () => MeshError

  constructor(refuse: () => MeshError) {
    this.#refuse = refuse
  }

  readonly hop = (_attempt: Attempt<unknown>, observer: Observer): Cancel => {
    const error = this.#refuse()
    observer.end(error.refusal ? refusal(error) : unreachable(error))
    return NOTHING_TO_CANCEL
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  destroy(): void {}
}
