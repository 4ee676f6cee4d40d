import type { Ambient } from '../core/ambient.ts'
import { readBaggage } from '../core/baggage.ts'
import type { PeerIdentity } from '../core/call.ts'
import type { RequestScope } from '../core/scope.ts'
import { readTraceContext } from '../core/traceparent.ts'
import type { CanonicalRequest } from './canonical.ts'

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
  if (request.timeout.length === 0 && request.grpcTimeout.length === 0) return undefined
  let least = Number.POSITIVE_INFINITY
  for (const value of request.timeout) least = Math.min(least, milliseconds(value))
  for (const value of request.grpcTimeout) least = Math.min(least, grpcTimeoutMs(value))
  return least === Number.POSITIVE_INFINITY ? undefined : least
}

/** One to ten digits; Infinity: it cannot be read. */
function milliseconds(text: string): number {
  if (text.length === 0 || text.length > 10) return Number.POSITIVE_INFINITY
  let value = 0
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - CODE_OF_0
    if (digit < 0 || digit > 9) return Number.POSITIVE_INFINITY
    value = value * 10 + digit
  }
  return value
}

const CODE_OF_0 = 0x30

const GRPC_UNITS: ReadonlyMap<string, number> = new Map([
  ['H', 3_600_000],
  ['M', 60_000],
  ['S', 1000],
  ['m', 1],
  ['u', 1e-3],
  ['n', 1e-6],
])

/** `TimeoutValue TimeoutUnit` of the gRPC protocol: at most 8 digits and a unit. Infinity: it cannot be read. */
function grpcTimeoutMs(value: string): number {
  const match = /^(\d{1,8})([HMSmun])$/.exec(value)
  return match === null ? Number.POSITIVE_INFINITY : Number(match[1]) * GRPC_UNITS.get(match[2]!)!
}
