import type { Ambient } from '../core/ambient.ts'
import type { Call, CallOptions, Target } from '../core/call.ts'
import type { Endpoint } from '../core/endpoint.ts'
import type { AttemptReport } from '../core/errors.ts'
import type { Route } from '../core/plan.ts'
import type { Replay } from './replay.ts'
import type { GrpcWire } from './wire.ts'

/** One outgoing gRPC call as the layers see it. */
export class GrpcCall implements Call<GrpcWire> {
  readonly protocol = 'grpc'
  readonly method = 'POST'
  /** `/pricing.v1.Pricing/Quote`. */
  readonly path: string
  readonly route: Route
  readonly ambient: Ambient
  readonly options: CallOptions
  readonly idempotent: boolean
  readonly wire: GrpcWire
  readonly builtInCovers: 'sent' | 'nothing'
  readonly cancel: 'all' | undefined
  /** Written by the telemetry room. */
  span: unknown = undefined
  target: Target
  deadline: number = Number.POSITIVE_INFINITY
  covers: 'call' | 'head' | 'sent' = 'call'
  attempts = 0
  retries: number | undefined = undefined
  endpoint: Endpoint | undefined = undefined
  trail: AttemptReport[] | undefined = undefined
  readonly #replay: Replay

  constructor(wire: GrpcWire, replay: Replay, route: Route, ambient: Ambient, options: CallOptions) {
    this.path = wire.method
    this.route = route
    this.ambient = ambient
    this.options = options
    this.idempotent = route.idempotent
    this.wire = wire
    // Plain gRPC has no deadline of its own: where nobody asked for one, only getting through to a server is bounded.
    this.builtInCovers = options.waitForReady === true ? 'nothing' : 'sent'
    // gRPC cancels what was called on behalf of a cancelled call, whatever it is.
    this.cancel = ambient.protocol === 'grpc' ? 'all' : undefined
    this.target = { service: route.service }
    this.#replay = replay
  }

  get replayable(): boolean {
    return this.#replay.replayable
  }

  get underway(): boolean {
    return this.#replay.attached
  }

  /** Asked where there is tracing alone. */
  get carriesTrace(): boolean {
    return this.wire.metadata.get('traceparent').length > 0
  }

  fork(): undefined {
    return undefined
  }
}
