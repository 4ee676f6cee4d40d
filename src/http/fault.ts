import type { Code } from '../core/codes.ts'
import { isMeshError, stormError } from '../core/errors.ts'
import type { Condition, Outcome, Phase } from '../core/outcome.ts'
import { certificateRefusal, HandshakeFailure, tlsReason } from './handshake.ts'

/** The caller's own mistakes, found by undici before a byte is written or while the body is. */
const MISTAKES: ReadonlySet<unknown> = new Set([
  'UND_ERR_INVALID_ARG',
  'UND_ERR_NOT_SUPPORTED',
  'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
])

/** Where an attempt stood when its transport failed. */
export interface Standing {
  readonly phase: Phase
  /** Part of the request was handed to the socket. Without it nothing of it can have been executed. */
  readonly wrote: boolean
  /** The version of TLS, where this is the first request on a TLS connection. */
  readonly debut: string | undefined
  readonly committed: boolean
  readonly status: number | undefined
  readonly service: string
  readonly endpoint: string
}

/**
 * A failure of the transport as layers read it. undici calls `onConnect` right before it writes and reports every
 * byte it writes in the same tick, so an attempt that has reported none is provably unsent; once one byte is out,
 * nothing can be proved.
 */
export function fault(error: unknown, at: Standing): Outcome {
  const code = (error as { code?: unknown } | null)?.code
  if (MISTAKES.has(code)) return outcome('TULLE_BAD_CALL', messageOf(error), error, at, undefined)
  // Running attempts lose their pool only where the grace of `mesh.close()` is over.
  if (code === 'UND_ERR_DESTROYED')
    return outcome('TULLE_CLOSED', 'cut, the mesh is closed', error, at, undefined)
  if (error instanceof HandshakeFailure)
    return outcome(error.code, `${at.endpoint} ${error.message}`, error, at, 'connect-failure', error.hint)
  if (isMeshError(error))
    return outcome(
      error.code,
      `the connection to ${at.endpoint} was cut: ${error.message}`,
      error,
      at,
      'reset',
      error.hint,
    )
  const refused = certificateRefusal(error)
  if (refused !== undefined) return certificateRefused(refused, error, at)
  if (code === 'UND_ERR_CONNECT_TIMEOUT')
    return outcome(
      'TULLE_CONNECT_TIMEOUT',
      `${at.endpoint} accepted no connection in time`,
      error,
      at,
      'connect-failure',
    )
  if (at.phase === 'queue' || at.phase === 'connect')
    return outcome(
      'TULLE_CONNECT',
      `no connection to ${at.endpoint}: ${messageOf(error)}`,
      error,
      at,
      'connect-failure',
    )
  if (code === 'UND_ERR_HEADERS_TIMEOUT')
    return outcome(
      'TULLE_TRY_TIMEOUT',
      `no head from ${at.endpoint} within the call's headersTimeout`,
      error,
      at,
      'try-timeout',
    )
  if (code === 'UND_ERR_BODY_TIMEOUT')
    return outcome(
      'TULLE_IDLE_TIMEOUT',
      `no byte from ${at.endpoint} within the call's bodyTimeout`,
      error,
      at,
      'reset',
    )
  if (isProtocolError(code, error))
    return outcome(
      'TULLE_PROTOCOL',
      `${at.endpoint} does not speak HTTP/1.1: ${messageOf(error)}`,
      error,
      at,
      'reset',
    )
  const first = at.debut === undefined || at.status !== undefined ? '' : FIRST
  return outcome(
    'TULLE_RESET',
    `the connection to ${at.endpoint} broke: ${messageOf(error)}${first}`,
    error,
    at,
    'reset',
  )
}

/** Not every server takes leave with an alert; those of Node.js do not. */
const FIRST =
  ' (right after the handshake, before its first answer: so ends a peer that refuses our certificate and does not say so)'

/**
 * The end of a TLS 1.3 handshake is the server's word on our certificate, and it may come when the first request has
 * long been written. A server that refuses has not finished its handshake, and until then must not read what follows it
 * (RFC 8446, section 4.4.4); so that request was not executed. In TLS 1.2 the word comes before ours to write, and a
 * later one is about a renegotiation, by which a server may have read a request already.
 */
function certificateRefused(reason: string, error: unknown, at: Standing): Outcome {
  const unread = at.debut === 'TLSv1.3' && at.status === undefined
  return outcome(
    'TULLE_TLS',
    `${at.endpoint} refused our certificate: ${reason}`,
    error,
    unread ? { ...at, wrote: false } : at,
    unread ? 'connect-failure' : 'reset',
    'Compare the trust bundle of the peer with the CA of our certificate; `tulle check` prints the chain.',
  )
}

/** The answer began, and then no byte of it came for too long. */
export function silence(streaming: boolean, at: Standing): Outcome {
  const rule = streaming ? '5 min (the limit of streams)' : '60 s (the built-in limit; no timeout was set)'
  return outcome('TULLE_IDLE_TIMEOUT', `no byte from ${at.endpoint} for ${rule}`, undefined, at, 'reset')
}

function outcome(
  code: Code,
  message: string,
  cause: unknown,
  at: Standing,
  condition: Condition | undefined,
  hint?: string,
): Outcome {
  // A stack that begins at a socket event tells nothing, and these come in storms; the cause keeps its own.
  const error = stormError(code, `${at.service}: ${message}`, {
    layer: 'http',
    service: at.service,
    endpoint: at.endpoint,
    phase: at.phase,
    hint,
    cause,
  })
  return {
    class: condition === undefined ? 'ignored' : 'failure',
    condition,
    committed: at.committed,
    unsent: !at.wrote,
    code: at.status,
    error,
    phase: at.phase,
  }
}

function isProtocolError(code: unknown, error: unknown): boolean {
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return true
  // undici leaves the parser's errors without a usable code; the one about the end of the stream is a cut.
  if ((error as { name?: unknown } | null)?.name === 'HTTPParserError') return !/EOF/.test(messageOf(error))
  return code === 'UND_ERR_SOCKET' && /^bad (response|upgrade)$/.test(messageOf(error))
}

/** The errors of one connect to several addresses have their message in their parts. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '')
    return error.errors.map((one) => messageOf(one)).join(', ')
  return tlsReason(error) ?? (error instanceof Error ? error.message : String(error))
}
