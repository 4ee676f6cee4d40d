import { REFUSED, RETRY_AFTER } from '../core/header-names.ts'
import type { Class, Condition, Outcome } from '../core/outcome.ts'
import { parseHttpDate } from './http-date.ts'

const CONTENT_TYPE = 'content-type'
const EVENT_STREAM = 'text/event-stream'
/**
 * Refusals that are of the connection or of the whole peer, by the status they come with: it is draining, has no valid
 * certificate, or believes ours, or the absence of one, no more. The application has not seen the request.
 */
const UNSEEN: ReadonlyMap<number, readonly string[]> = new Map([
  [403, ['TULLE_PEER']],
  [426, ['TULLE_PLAINTEXT_REFUSED']],
  [503, ['TULLE_DRAINING', 'TULLE_IDENTITY', 'TULLE_IDENTITY_EXPIRED']],
])
/** Envoy discards what a peer asks beyond this (SEMANTICS 2.1, 3). */
const MAX_RETRY_AFTER_MS = 300_000

/**
 * The status of an answer as layers read it, at its head. 502, 503 and 504 are `gateway-error`; 500, 501 and from 505
 * on `5xx`; 429 is `rate-limited`, a failure like the others, and what counts it against a ratio but not against a run
 * of failures is its condition (SEMANTICS 2.6). Everything below 500 else is success.
 *
 * A mesh peer says of its refusals that they are such. One that is draining, or that ends the connection because of a
 * certificate, has executed nothing, so the attempt is unsent and may move on whatever its method, as after HTTP/2's
 * REFUSED_STREAM. One that came too late says nothing of the peer, and there is no point in another: undecided here,
 * ignored at the end.
 */
export function classifyHead(status: number, rawHeaders: readonly Buffer[], wall: () => number): Outcome {
  if (status < 300) {
    if (status !== 200 || !isEventStream(rawHeaders)) return plain(status).head
    return head(status, 'success', undefined, false, undefined, true)
  }
  const unseen = UNSEEN.get(status)
  const refused = unseen !== undefined || status === 504 ? rawHeader(rawHeaders, REFUSED) : undefined
  if (refused !== undefined && unseen?.includes(refused) === true)
    return head(status, 'failure', 'refused-stream', true, undefined, false)
  if (status < 500 && status !== 429) return plain(status).head
  if (refused === 'TULLE_TOO_LATE') return head(status, 'undecided', undefined, false, -1, false)
  const asked = status === 503 || status === 429 ? retryAfter(rawHeaders, wall) : undefined
  return head(status, 'failure', conditionOf(status), false, asked, false)
}

/** What the head said, repeated now that nothing more will come. */
export function classifyEnd(head: Outcome, committed: boolean): Outcome {
  const known = PLAIN.get(head.code as number)
  if (known?.head === head) return committed ? known.delivered : known.drained
  return end(head, committed)
}

interface Plain {
  readonly head: Outcome
  readonly delivered: Outcome
  readonly drained: Outcome
}

/** Nearly all answers are plain successes, and all of one status are the same verdict: these are shared. */
const PLAIN = new Map<number, Plain>()

function plain(status: number): Plain {
  const known = PLAIN.get(status)
  if (known !== undefined) return known
  const begun = Object.freeze(head(status, 'success', undefined, false, undefined, false))
  const made = {
    head: begun,
    delivered: Object.freeze(end(begun, true)),
    drained: Object.freeze(end(begun, false)),
  }
  PLAIN.set(status, made)
  return made
}

function end(head: Outcome, committed: boolean): Outcome {
  const verdict = head.class === 'undecided' ? 'ignored' : head.class
  const { condition, unsent, code, retryAfterMs } = head
  return {
    class: verdict,
    condition,
    committed,
    unsent: unsent && !committed,
    code,
    retryAfterMs,
    phase: 'done',
  }
}

function head(
  code: number,
  verdict: Class,
  condition: Condition | undefined,
  unsent: boolean,
  retryAfterMs: number | undefined,
  streaming: boolean,
): Outcome {
  return { class: verdict, condition, committed: false, unsent, code, retryAfterMs, phase: 'head', streaming }
}

function conditionOf(status: number): Condition {
  if (status === 429) return 'rate-limited'
  return status >= 502 && status <= 504 ? 'gateway-error' : '5xx'
}

/** Asked of every answer, so nothing is made a string before a name has the length and a value the sixth byte. */
function isEventStream(rawHeaders: readonly Buffer[]): boolean {
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if ((rawHeaders[i] as Buffer).length !== CONTENT_TYPE.length) continue
    const sixth = (rawHeaders[i + 1] as Buffer)[5]
    if (sixth !== 0x65 && sixth !== 0x45) continue
    return rawHeader(rawHeaders, CONTENT_TYPE)?.toLowerCase().startsWith(EVENT_STREAM) ?? false
  }
  return false
}

/** Seconds or an HTTP date (RFC 9110, 10.2.3) in milliseconds from now; undefined where it says neither, or too much. */
function retryAfter(rawHeaders: readonly Buffer[], wall: () => number): number | undefined {
  const value = rawHeader(rawHeaders, RETRY_AFTER)?.trim()
  if (value === undefined) return undefined
  const date = parseHttpDate(value)
  const ms = date === undefined ? seconds(value) * 1000 : date - wall()
  return Number.isNaN(ms) || ms > MAX_RETRY_AFTER_MS ? undefined : Math.max(0, Math.round(ms))
}

const seconds = (text: string): number => (/^\d{1,9}$/.test(text) ? Number(text) : Number.NaN)

/** The first header of that name, which is lower case. */
export function rawHeader(rawHeaders: readonly Buffer[], name: string): string | undefined {
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const key = rawHeaders[i] as Buffer
    if (key.length === name.length && key.toString('latin1').toLowerCase() === name)
      return (rawHeaders[i + 1] as Buffer).toString('latin1')
  }
  return undefined
}
