import type { Random } from '../core/ports.ts'

/** No connection is asked to live longer, in milliseconds, give or take a tenth (gRPC's MAX_CONNECTION_AGE). */
const MAX_AGE_MS = 3_600_000
/** What still runs on a connection that should have been replaced ends then, in milliseconds from its beginning. */
const LONGEST_LIFE_MS = 1.1 * MAX_AGE_MS + 300_000
/** After a renewal the old connections end within this long, in milliseconds: spread, or all callers would come at once. */
export const RENEWAL_WINDOW_MS = 600_000

/** What a new connection's end depends on; all in milliseconds, the last two from now on. */
export interface Lifetimes {
  readonly nowMs: number
  /** Until the certificate of either side ends, whichever is first. */
  readonly certificatesMs: number
}

/**
 * When a connection that opens now is to be replaced: after an hour ± 10 %, and long before a certificate of either
 * side ends (at 50–70 % of what is left), so that nobody ever meets an expired one in the middle of a conversation.
 */
export function closeAt({ nowMs, certificatesMs }: Lifetimes, random: Random): number {
  const age = MAX_AGE_MS * (0.9 + 0.2 * random())
  return nowMs + Math.min(age, Math.max(0, certificatesMs) * (0.5 + 0.2 * random()))
}

/**
 * When a connection that opens now is cut, whatever runs on it: mesh callers have left it by then, and no trust outlives its
 * certificates by more than that, however long a stream is.
 */
export function cutAt(nowMs: number): number {
  return nowMs + LONGEST_LIFE_MS
}

/** `closeAt` for a connection that a renewal has made old. */
export function closeAfterRenewal(closeAtMs: number, nowMs: number, random: Random): number {
  return Math.min(closeAtMs, nowMs + RENEWAL_WINDOW_MS * random())
}
