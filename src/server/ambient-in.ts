import type { Ambient } from '../core/ambient.ts'
import { readBaggage } from '../core/baggage.ts'
import type { PeerIdentity } from '../core/call.ts'
import { readTraceContext } from '../core/traceparent.ts'
import type { CanonicalRequest } from './canonical.ts'
import type { RequestScope } from './scope.ts'

/** What the request brings for the calls its handler will make. */
export function ambientIn(
  request: CanonicalRequest,
  nowMs: number,
  caller: PeerIdentity,
  scope: RequestScope,
  context?: unknown,
): Ambient {
  const remainingMs = remaining(request)
  return {
    deadline: remainingMs === undefined ? undefined : nowMs + remainingMs,
    trace: request.traceparent.length === 0 ? undefined : readTraceContext(request),
    baggage: request.baggage.length === 0 ? undefined : readBaggage(request.baggage),
    context,
    caller,
    scope,
  }
}

/**
 * The caller's remaining time in milliseconds (SEMANTICS 2.23): relative, so no clocks need to agree. Of several the
 * shortest, because a peer may only shorten; what cannot be read says nothing.
 */
export function remaining(request: Pick<CanonicalRequest, 'timeout' | 'grpcTimeout'>): number | undefined {
  let least: number | undefined
  const take = (ms: number | undefined): void => {
    if (ms !== undefined && (least === undefined || ms < least)) least = ms
  }
  for (const value of request.timeout) take(/^\d{1,10}$/.test(value) ? Number(value) : undefined)
  for (const value of request.grpcTimeout) take(grpcTimeoutMs(value))
  return least
}

const GRPC_UNITS: ReadonlyMap<string, number> = new Map([
  ['H', 3_600_000],
  ['M', 60_000],
  ['S', 1000],
  ['m', 1],
  ['u', 1e-3],
  ['n', 1e-6],
])

/** `TimeoutValue TimeoutUnit` of the gRPC protocol: at most 8 digits and a unit. */
function grpcTimeoutMs(value: string): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(value)
  return match === null ? undefined : Number(match[1]) * GRPC_UNITS.get(match[2]!)!
}
