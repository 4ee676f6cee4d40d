import { type BackoffParams, backoffMs } from '../core/backoff.ts'
import type { Random } from '../core/ports.ts'
import { MAX_DURATION_MS } from '../core/units.ts'

/** A pushback beyond this is not a hint but a mistake; Envoy discards it (SEMANTICS 2.1.3). */
export const MAX_RETRY_AFTER_MS = 300_000

/**
 * How long to wait before retry `n` when the peer may have said something of it. gRPC's pushback is exact (gRFC A6).
 * HTTP's Retry-After is a time that every client was told alike, so it is spread over U(t, 1.5t) (Envoy's
 * rate_limited_retry_back_off), is never shorter than the ordinary back-off, and is discarded past five minutes.
 *
 * @param afterMs what the peer asked; negative, or no 32-bit number: no retry
 * @returns milliseconds; undefined: do not retry
 */
export function waitMs(
  n: number,
  afterMs: number | undefined,
  protocol: 'http' | 'grpc',
  params: BackoffParams,
  random: Random,
): number | undefined {
  if (afterMs !== undefined && !(afterMs >= 0)) return undefined
  if (afterMs !== undefined && protocol === 'grpc') return afterMs <= MAX_DURATION_MS ? afterMs : undefined
  const ordinary = backoffMs(n, params, random)
  if (afterMs === undefined || afterMs > MAX_RETRY_AFTER_MS) return ordinary
  return Math.max(ordinary, afterMs * (1 + random() / 2))
}

const FIRST_LOOK_MS = 50
const LAST_LOOK_MS = 1_000

/**
 * How long a call that waits for an endpoint or a connection stays quiet before it looks again, the `n`th time (from
 * 1): the shape of gRPC's connection back-off (doc/connection-backoff.md: × 1.6, ± 20 %), from 50 ms to one second.
 * A look costs no connection, since transports have a back-off of their own.
 */
export function lookMs(n: number, random: Random): number {
  return Math.min(FIRST_LOOK_MS * 1.6 ** (n - 1), LAST_LOOK_MS) * (0.8 + 0.4 * random())
}
