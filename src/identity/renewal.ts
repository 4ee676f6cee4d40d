import { backoffMs } from '../core/backoff.ts'
import type { Random } from '../core/ports.ts'

/** Of a certificate's time: where renewing begins, and over how much of it many processes are spread (FAULTS 37). */
const FROM = 0.5
const SPREAD = 0.2
/** A certificate that is found past its time is renewed within this, not at once: a whole fleet may have restarted. */
const OVERDUE_MS = 10_000

const FIRST_MS = 250
const LONGEST_MS = 60_000
/** Many tries fit into what is left, however short it is. */
const TRIES_LEFT = 20

interface Validity {
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

/**
 * When to renew, wall-clock milliseconds: 50 to 70 % into the time that was left when the certificate was received.
 * @param receivedMs also of one found on disk: a process that restarts often must not postpone it for ever
 */
export function renewalAt(
  { notAfterMs }: Validity,
  receivedMs: number,
  nowMs: number,
  random: Random,
): number {
  const at = receivedMs + (notAfterMs - receivedMs) * (FROM + SPREAD * random())
  if (at > nowMs) return at
  return nowMs + Math.min(OVERDUE_MS, Math.max(0, notAfterMs - nowMs) / TRIES_LEFT) * random()
}

/**
 * How long to wait after a renewal that failed: full jitter (AWS, "Exponential Backoff and Jitter"), from 250 ms doubling
 * to a minute, and never more than a twentieth of the time left.
 * @param failures in a row, from 1
 * @param leftMs until the certificate ends; zero or less: it is over, or there is none
 */
export function renewalBackoffMs(failures: number, leftMs: number, random: Random): number {
  const share = leftMs > 0 ? Math.max(FIRST_MS, leftMs / TRIES_LEFT) : LONGEST_MS / 4
  return backoffMs(failures, { base: FIRST_MS, max: Math.min(LONGEST_MS, share) }, random)
}
