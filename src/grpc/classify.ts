import type { Metadata } from '@grpc/grpc-js'
import { grpcCode, grpcStatusName } from '../core/grpc-status.ts'
import { REFUSED } from '../core/header-names.ts'
import type { Class, Condition, Outcome, Phase } from '../core/outcome.ts'

const PUSHBACK = 'grpc-retry-pushback-ms'
/** A signed 32-bit integer in ASCII without unnecessary leading zeros (gRPC A6). */
const PUSHBACK_MS = /^(?:0|[1-9]\d{0,9})$/
const MOST_MS = 2 ** 31 - 1

const OK = grpcCode('OK')
const UNKNOWN = grpcCode('UNKNOWN')
const DEADLINE_EXCEEDED = grpcCode('DEADLINE_EXCEEDED')
const PERMISSION_DENIED = grpcCode('PERMISSION_DENIED')
const UNAVAILABLE = grpcCode('UNAVAILABLE')

/**
 * Refusals that are of the connection or of the whole peer, by the code they come with: it is draining, has no valid
 * certificate, or believes ours no more. The application has not seen the call.
 */
const UNSEEN: ReadonlyMap<number, readonly string[]> = new Map([
  [PERMISSION_DENIED, ['TULLE_PEER']],
  [UNAVAILABLE, ['TULLE_PLAINTEXT_REFUSED', 'TULLE_DRAINING', 'TULLE_IDENTITY', 'TULLE_IDENTITY_EXPIRED']],
])

/** Refusals of the call itself: they say nothing of the peer, and every other would refuse it as well. */
const SAYS_NOTHING: ReadonlySet<string> = new Set(['TULLE_TOO_LATE', 'TULLE_DENIED'])

/** By code; what is not listed is success. A passed deadline is decided by the time the attempt had. */
const FAILURES: ReadonlyMap<number, Condition | undefined> = new Map<number, Condition | undefined>([
  [UNAVAILABLE, 'gateway-error'],
  [grpcCode('INTERNAL'), '5xx'],
  [grpcCode('DATA_LOSS'), '5xx'],
  [DEADLINE_EXCEEDED, 'deadline'],
  [grpcCode('RESOURCE_EXHAUSTED'), 'rate-limited'],
  [PERMISSION_DENIED, undefined],
])

/** The answer has begun. Until its last word nobody knows what it was worth; the caller has it either way. */
export const BEGUN: Outcome = Object.freeze({
  class: 'undecided',
  committed: false,
  unsent: false,
  phase: 'head',
})

/** Nearly all calls end so: a peer's OK, as a head and when it has been delivered. */
export const WELL: Outcome = Object.freeze(outcome(OK, 'success', undefined, false, undefined, 'head'))
const DELIVERED: Outcome = Object.freeze({ ...WELL, committed: true, phase: 'done' })

/**
 * The last word of a peer as layers read it, for an answer that has nothing else (trailers-only). Failures for
 * balancing and outliers are Linkerd's (SEMANTICS 2.6); UNKNOWN is what most languages make of an exception, so
 * balancers hold it against the endpoint without its being one.
 *
 * @param fair whether the attempt had the time that makes a passed deadline the peer's fault
 */
export function classify(code: number, metadata: Metadata, fair: boolean): Outcome {
  if (code === OK) return WELL
  const refused = textOf(metadata, REFUSED)
  if (refused !== undefined) {
    if (UNSEEN.get(code)?.includes(refused) === true)
      return outcome(code, 'failure', 'refused-stream', true, pushbackOf(metadata), 'head')
    if (SAYS_NOTHING.has(refused)) return outcome(code, 'ignored', undefined, false, -1, 'head')
  }
  const known = code >= OK && code <= 16 ? code : UNKNOWN
  const fails = FAILURES.has(known)
  const verdict = !fails ? 'success' : known === DEADLINE_EXCEEDED && !fair ? 'ignored' : 'failure'
  return outcome(known, verdict, FAILURES.get(known), false, pushbackOf(metadata), 'head')
}

/** What a head said, repeated now that nothing more will come. */
export function ended(head: Outcome, committed: boolean): Outcome {
  if (committed && head === WELL) return DELIVERED
  return { ...head, committed, unsent: head.unsent && !committed, phase: 'done' }
}

/** What the peer asks us to wait, in milliseconds; -1: not to try again, or something that cannot be read (gRPC A6). */
export function pushbackOf(metadata: Metadata): number | undefined {
  const values = metadata.get(PUSHBACK)
  if (values.length === 0) return undefined
  const text = values.length === 1 ? String(values[0]) : ''
  const ms = PUSHBACK_MS.test(text) ? Number(text) : -1
  return ms > MOST_MS ? -1 : ms
}

function textOf(metadata: Metadata, name: string): string | undefined {
  const value = metadata.get(name)[0]
  return typeof value === 'string' ? value : undefined
}

export function outcome(
  code: number,
  verdict: Class,
  condition: Condition | undefined,
  unsent: boolean,
  retryAfterMs: number | undefined,
  phase: Phase,
): Outcome {
  const penalised = code === UNKNOWN ? true : code === PERMISSION_DENIED ? false : undefined
  const status = grpcStatusName(code)
  return { class: verdict, condition, committed: false, unsent, code, status, penalised, retryAfterMs, phase }
}
