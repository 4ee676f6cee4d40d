import type { ChannelOptions } from '@grpc/grpc-js'
import type { Attempt } from '../core/attempt.ts'
import { Credentials } from '../core/credentials.ts'
import type { EndpointState } from '../core/endpoint.ts'
import { type MeshError, stormError } from '../core/errors.ts'
import { type Cancel, NOTHING_TO_CANCEL, type Observer } from '../core/hop.ts'
import type { Leaf, LeafFactory, TransportDeps } from '../core/leaf.ts'
import { refusal } from '../core/outcome.ts'
import type { Clock } from '../core/ports.ts'
import { protectionOf } from '../policy/protection.ts'
import { unreachable } from './fault.ts'
import { Lane } from './lane.ts'
import { Lanes } from './lanes.ts'
import { GrpcLink, type Journey } from './link.ts'
import { type Connectable, doorOf, reachOf } from './reach.ts'
import { SecureWay } from './secure-way.ts'
import { PlainWay, type Way } from './way.ts'
import type { GrpcWire } from './wire.ts'

/**
 * The gRPC transport: grpc-js's HTTP/2 and framing, and nothing else of it. One connection per endpoint and set of channel
 * options, made at the first call.
 */
export function createGrpcLeafFactory(deps: TransportDeps): LeafFactory {
  const { identity, clock } = deps
  const secure = identity && { identity, credentials: new Credentials(identity, clock, () => deps.wall()) }
  return {
    protocol: 'grpc',
    open(endpoint) {
      const protection = protectionOf(endpoint, deps.mtls, secure !== undefined, 'grpc')
      if (typeof protection === 'object') return new RefusingLeaf(protection.refuse)
      if (protection === 'plaintext' || secure === undefined)
        return new GrpcLeaf(endpoint, deps, () => new PlainWay(endpoint, deps))
      return new GrpcLeaf(endpoint, deps, (lanes) => new SecureWay(endpoint, deps, secure, lanes))
    },
  }
}

class GrpcLeaf implements Leaf, Connectable {
  readonly #endpoint: EndpointState
  readonly #clock: Clock
  readonly #door: { leaf: Connectable | undefined }
  readonly #running = new Set<GrpcLink>()
  readonly #lanes: Lanes
  readonly #journey: Journey
  readonly #way: Way
  #closed = false
  #emptied: () => void = () => {}

  constructor(endpoint: EndpointState, deps: TransportDeps, makeWay: (lanes: Lanes) => Way) {
    this.#endpoint = endpoint
    this.#clock = deps.clock
    this.#door = endpoint.slot(doorOf)
    this.#door.leaf = this
    this.#journey = { clock: deps.clock, running: this.#running, emptied: () => this.#emptied() }
    const reach = endpoint.service.slot(reachOf)
    this.#lanes = new Lanes((options, name) => new Lane(this.#way, options, reach.enter(endpoint, name)))
    this.#way = makeWay(this.#lanes)
  }

  readonly hop = (attempt: Attempt<unknown>, observer: Observer): Cancel => {
    const refused = this.#closed ? this.#closing() : this.#way.refusal(attempt.startedMs)
    if (refused !== undefined) {
      observer.end(refusal(refused))
      return NOTHING_TO_CANCEL
    }
    const unit = attempt as Attempt<GrpcWire>
    const link = new GrpcLink(unit, observer, this.#journey, this.#lanes.of(unit.call.wire.channelOptions))
    link.begin()
    return (reason) => link.cancel(reason)
  }

  connect(options: Readonly<ChannelOptions>): boolean {
    if (this.#closed || this.#way.refusal(this.#clock.now()) !== undefined) return false
    return this.#lanes.of(options).connect()
  }

  async close(): Promise<void> {
    this.#shut()
    if (this.#running.size > 0)
      await new Promise<void>((resolve) => {
        this.#emptied = resolve
      })
    this.#end()
  }

  destroy(): void {
    this.#shut()
    for (const link of [...this.#running]) link.cut('cut, the mesh is closed')
    this.#end()
  }

  /** No call comes in any more, so what connections there are reach nobody. */
  #shut(): void {
    this.#closed = true
    if (this.#door.leaf === this) this.#door.leaf = undefined
    for (const lane of this.#lanes.all()) lane.standing.leave()
  }

  #end(): void {
    for (const lane of this.#lanes.all()) lane.close()
    this.#way.end()
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
