import type { PeerIdentity } from '../core/call.ts'
import type { MeshError } from '../core/errors.ts'
import type { Hop } from '../core/hop.ts'
import type { Runtime } from '../core/runtime.ts'
import type { GrpcInboundCall } from './inbound-call.ts'

/** The connection a call came on. */
export interface Carrier {
  readonly runtime: Runtime
  readonly hop: Hop<GrpcInboundCall>
  /** Anybody may come in, so nobody's word about deadlines, attempts and baggage is the mesh's. */
  readonly open: boolean
  /** Of one call's metadata; 0: as many as come. */
  readonly maxHeaderBytes: number
  caller(): PeerIdentity | MeshError
  began(): void
  /** The transport has done with the call. */
  ceased(): void
  /** Who brings calls must not: no further one on this connection. */
  goAway(): void
}
