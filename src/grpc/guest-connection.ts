import type { ConnectionInjector } from '@grpc/grpc-js'
import type { PeerIdentity } from '../core/call.ts'
import type { MeshError } from '../core/errors.ts'
import type { Hop } from '../core/hop.ts'
import type { Arrival, Runtime } from '../core/runtime.ts'
import type { Carrier } from './carrier.ts'
import type { GrpcGuest, Inject } from './guest.ts'
import type { GrpcInboundCall } from './inbound-call.ts'

/** One connection on which gRPC is spoken. It has an injector of its own, so that its calls are its peer's and no other's. */
export class GrpcConnection implements Carrier {
  readonly runtime: Runtime
  readonly hop: Hop<GrpcInboundCall>
  readonly maxHeaderBytes: number
  readonly #guest: GrpcGuest
  readonly #arrival: Arrival
  readonly #injector: ConnectionInjector
  #goneAway = false

  constructor(guest: GrpcGuest, arrival: Arrival, inject: Inject) {
    this.runtime = guest.runtime
    this.hop = guest.hop
    this.maxHeaderBytes = guest.maxHeaderBytes
    this.#guest = guest
    this.#arrival = arrival
    this.#injector = inject(arrival, this)
  }

  get open(): boolean {
    return this.#arrival.open
  }

  caller(): PeerIdentity | MeshError {
    return this.#arrival.caller()
  }

  began(): void {
    this.#guest.began()
  }

  ceased(): void {
    this.#guest.ceased()
  }

  /**
   * GOAWAY with the last call that arrived: it and those before it are served, later ones are provably refused, and the
   * connection ends with the last of them (gRFC L114: `destroy` closes gracefully). grpc-js forgets the injector.
   */
  goAway(): void {
    if (this.#goneAway) return
    this.#goneAway = true
    this.#injector.destroy()
  }

  closed(): void {
    this.goAway()
  }
}
