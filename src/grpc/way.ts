import { type ChannelOptions, credentials } from '@grpc/grpc-js'
import type { EndpointState } from '../core/endpoint.ts'
import type { MeshError } from '../core/errors.ts'
import type { TransportDeps } from '../core/leaf.ts'
import { connectPiece } from '../policy/connect.ts'
import { Connection } from './connection.ts'
import type { Road } from './lane.ts'
import { targetOf } from './transport-options.ts'
import { unreached } from './unreachable.ts'

/** How the connections to one endpoint are made, and how long they are good. */
export interface Way extends Road {
  /** Why no call can go out now. */
  refusal(nowMs: number): MeshError | undefined
  /** The leaf is closed, and so is every connection. */
  end(): void
}

export class PlainWay implements Way {
  readonly clock
  readonly random
  readonly #endpoint: EndpointState
  readonly #deps: TransportDeps

  constructor(endpoint: EndpointState, deps: TransportDeps) {
    this.clock = deps.clock
    this.random = deps.random
    this.#deps = deps
    this.#endpoint = endpoint
  }

  timeoutMs(): number {
    return this.#endpoint.params(connectPiece).timeout
  }

  open(options: ChannelOptions): Connection {
    return new Connection(targetOf(this.#endpoint), credentials.createInsecure(), options, this.#deps)
  }

  made(): undefined {}

  explain(_connection: Connection, reason: string | undefined): () => MeshError {
    return unreached(this.#endpoint, reason)
  }

  refusal(): undefined {}

  gone(): void {}

  end(): void {}
}
