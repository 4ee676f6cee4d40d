import type { Ambient } from '../core/ambient.ts'
import type { Call, CallOptions, PeerIdentity, Target } from '../core/call.ts'
import type { Cancel, Observer } from '../core/hop.ts'
import type { Route } from '../core/plan.ts'

/** The adapter's side of an inbound call: where the leaf begins the application's work. */
export interface GrpcInboundWire {
  headerValues(name: string): readonly string[]
  begin(call: GrpcInboundCall, observer: Observer): Cancel
}

const NO_OPTIONS: CallOptions = Object.freeze({})

/** One inbound gRPC call as the layers see it. */
export class GrpcInboundCall implements Call<GrpcInboundWire> {
  readonly protocol = 'grpc'
  readonly method = 'POST'
  /** As the handler is registered, so of bounded cardinality; no other reaches a handler. */
  readonly path: string
  readonly route: Route
  readonly options = NO_OPTIONS
  readonly replayable = false
  readonly idempotent = false
  readonly wire: GrpcInboundWire
  readonly peer: PeerIdentity
  ambient: Ambient
  target: Target
  deadline = Number.POSITIVE_INFINITY
  covers = 'call' as const
  attempts = 0

  constructor(
    wire: GrpcInboundWire,
    path: string,
    route: Route,
    target: Target,
    peer: PeerIdentity,
    ambient: Ambient,
  ) {
    this.wire = wire
    this.path = path
    this.route = route
    this.target = target
    this.peer = peer
    this.ambient = ambient
  }

  get pattern(): string {
    return this.path
  }

  headerValues(name: string): readonly string[] {
    return this.wire.headerValues(name)
  }

  setAmbient(ambient: Ambient): void {
    this.ambient = ambient
  }

  fork(): undefined {
    return undefined
  }
}
