import type { AccessRequest, Authorizer } from '../core/authorizer.ts'
import type { Call } from '../core/call.ts'
import { stormError } from '../core/errors.ts'
import { type CallLayer, type Hop, NOTHING_TO_CANCEL } from '../core/hop.ts'
import type { LayerModule, NoParams } from '../core/module.ts'
import { refusal } from '../core/outcome.ts'

const NO_VALUES: readonly string[] = Object.freeze([])

/**
 * Inbound: a request that its caller may not make is refused with TULLE_DENIED before the handler sees it. Judged once,
 * when it arrives: a stream or an upgraded connection that was let in stays until it ends. Who comes by a public door is
 * nobody's service, so rules about services do not judge him; gRPC's own health service is for everybody.
 *
 * The error's message says which rule decided, for logs and events; the caller is told `DENIED` instead.
 */
export const authorize: LayerModule<NoParams, CallLayer> = {
  role: 'authorize',
  layer: (_, { authorizer }) => (authorizer === undefined ? undefined : authorizeLayer(authorizer)),
}

function authorizeLayer(authorizer: Authorizer): CallLayer {
  return <W>(next: Hop<Call<W>>): Hop<Call<W>> =>
    (call, observer) => {
      if (call.peer?.public === true || isProbe(call)) return next(call, observer)
      const { allowed, reason } = authorizer.judge(new Request(call))
      if (allowed) return next(call, observer)
      observer.end(refusal(stormError('TULLE_DENIED', reason, { layer: 'authorize' })))
      return NOTHING_TO_CANCEL
    }
}

/** It tells no more than that this instance serves; whoever is let in at the door may know, as probes must. */
const isProbe = ({ protocol, path }: Call<unknown>): boolean =>
  protocol === 'grpc' && path.startsWith('/grpc.health.v1.Health/')

class Request implements AccessRequest {
  readonly peer: AccessRequest['peer']
  readonly method: string
  readonly path: string
  readonly #call: Call<unknown>

  constructor(call: Call<unknown>) {
    const { id, service } = call.peer ?? {}
    this.peer = id === undefined ? undefined : { id, service }
    this.method = call.method
    this.path = call.path
    this.#call = call
  }

  header(name: string): readonly string[] {
    return this.#call.headerValues?.(name) ?? NO_VALUES
  }
}
