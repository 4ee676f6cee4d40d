import type { StatusObject } from '@grpc/grpc-js'
import type { MeshError } from '../core/errors.ts'
import { grpcCode, grpcOfHttp } from '../core/grpc-status.ts'
import type { Condition, Outcome, Phase } from '../core/outcome.ts'
import { classify, outcome } from './classify.ts'
import { systemCause, transportError } from './transport-error.ts'
import { refusedOurs, speaksNoHttp2 } from './unreachable.ts'

/** Where an attempt stood when its transport failed. */
export interface Standing {
  readonly phase: Phase
  /** The caller has the initial metadata. */
  readonly committed: boolean
  /** The peer is known to have spoken HTTP/2 on this connection. */
  readonly proven: boolean
  readonly service: string
  /** `address:port`. */
  readonly endpoint: string
}

/** What grpc-js says where a call has provably not left this process, or was refused unseen (RFC 9113, 8.7). */
const UNSENT: readonly (readonly [string, Condition, string])[] = [
  ['Stream refused by server', 'refused-stream', 'it refused the call unseen'],
  ['No connection established', 'connect-failure', 'the connection was lost before the call went out'],
  [
    'Channel closed before call started',
    'connect-failure',
    'the connection was lost before the call went out',
  ],
  ['Failed to start HTTP/2 stream', 'connect-failure', 'the connection was lost before the call went out'],
]
/** What it says where the connection broke under a call. */
const BROKEN = /^(?:Connection dropped|Write error: |Write failed with error |(?:read|write) E[A-Z]+)/
const MUTE =
  ', before it said a word of HTTP/2: so ends a peer that refuses our certificate and does not say so, that speaks another protocol, or that is going away'
/** Node gave the connection up. */
const INTERNAL_ERROR = /triggered by internal client error: (.*)$/s
/** A GOAWAY with an error. */
const GOODBYE = /^Session closed with error code/
/** A stream that the peer reset. */
const RESET = /^(?:Received RST_STREAM with code |Call cancelled$|Protocol not secure enough$)/
const TOO_LONG = /^Received message (?:larger than max|that decompresses to a size larger than)/
const TOO_LONG_OUT = /^Attempted to send message with a size larger than/
/** What it makes of ENHANCE_YOUR_CALM, of a stream as of the connection. */
const CALM = 'Bandwidth exhausted or memory limit exceeded'
/** Node would not take the metadata: a value too many, or a name that begins with a colon. */
const HEADERS = /^Failed to start HTTP\/2 stream with error .*header/i
const PLUGIN = /^(?:Getting metadata from plugin failed|"authorization" metadata cannot)/
const HTTP = /^Received HTTP status code (\d{3})/

const INTERNAL = grpcCode('INTERNAL')
const UNKNOWN = grpcCode('UNKNOWN')

/** What became of an attempt by grpc-js's own word: a fault, or a status for the caller that no peer has said. */
export interface OwnWord {
  readonly outcome: Outcome
  /** Undefined where the outcome has an error. */
  readonly status?: StatusObject | undefined
}

/**
 * Tells what grpc-js says by itself from what a peer says. Its own statuses come without any metadata; a trailers-only
 * answer has at least its content type. So a server that passes on the status of a failed call of its own cannot make
 * us believe that ours was not sent. After the initial metadata nothing is taken for unsent.
 *
 * @param foreign the initial metadata was not gRPC's, so neither is what followed it
 * @returns undefined: the peer said it
 */
export function ownWord(status: StatusObject, foreign: boolean, at: Standing): OwnWord | undefined {
  const { code, details } = status
  const http = HTTP.exec(details)
  if (http !== null && !at.committed && !saysGrpc(status))
    return notGrpc(status, `HTTP status ${http[1]}`, grpcOfHttp(Number(http[1])))
  if (foreign) return notGrpc(status, 'HTTP status 200', UNKNOWN)
  if (typeof code !== 'number' || details === undefined) return undecodable(status)
  if (code === 0 || !isEmpty(status)) return undefined
  if (HEADERS.test(details)) return mine(status, ' (in the metadata of this call)')
  if (!at.committed)
    for (const [start, condition, why] of UNSENT)
      if (details.startsWith(start)) return { outcome: unsent(condition, why, details, at) }
  if (BROKEN.test(details)) return { outcome: broken(at.proven ? details : `${details}${MUTE}`, at) }
  const inner = INTERNAL_ERROR.exec(details)?.[1]
  if (inner !== undefined)
    return { outcome: (at.proven ? undefined : stillborn(inner, at)) ?? broken(inner, at) }
  if (RESET.test(details))
    return { outcome: outcome(code, 'failure', 'reset', false, undefined, 'head'), status }
  if (TOO_LONG.test(details)) return mine(status, ' (grpc.max_receive_message_length of this client)')
  if (TOO_LONG_OUT.test(details)) return mine(status, ' (grpc.max_send_message_length of this client)')
  if (details === CALM) return { outcome: classify(code, status.metadata, false), status: calm(status) }
  return PLUGIN.test(details) ? mine(status, '') : undefined
}

/** A connection that could not be made. */
export function unreachable(error: MeshError): Outcome {
  return {
    class: 'failure',
    condition: 'connect-failure',
    committed: false,
    unsent: true,
    error,
    phase: 'connect',
  }
}

/** The connection broke, or was cut, under a running call: whether it was executed nobody knows. */
export function broken(why: string, at: Standing, hint?: string): Outcome {
  return {
    class: 'failure',
    condition: 'reset',
    committed: at.committed,
    unsent: false,
    error: transportError(
      'TULLE_RESET',
      `the connection to ${at.endpoint} broke: ${why}`,
      at,
      hint,
      systemCause(why),
    ),
    phase: at.phase,
  }
}

/**
 * Up to some 1.12 grpc-js takes a connection for made before its peer has said a word of HTTP/2. One that refuses our
 * certificate after the fact has read no call. One whose bytes are not HTTP/2 has nearly always read none either, but
 * that is not proven: it may have broken after it had. One that says why it closes the session speaks HTTP/2.
 */
function stillborn(text: string, at: Standing): Outcome | undefined {
  const refused = refusedOurs(at, text)?.()
  if (refused !== undefined) return unreachable(refused)
  const error = GOODBYE.test(text) ? undefined : speaksNoHttp2(at, text)?.()
  return error && { ...broken(text, at), error }
}

function unsent(condition: Condition, why: string, details: string, at: Standing): Outcome {
  const error = transportError('TULLE_CONNECT', `${at.endpoint}: ${why} (${details})`, at)
  return { class: 'failure', condition, committed: false, unsent: true, error, phase: at.phase }
}

/** Of our own making: neither the peer's fault nor a reason to try again. */
function mine(status: StatusObject, more: string): OwnWord {
  return {
    outcome: outcome(status.code, 'ignored', undefined, false, undefined, 'head'),
    status: { ...status, details: status.details + more },
  }
}

function notGrpc(status: StatusObject, what: string, code: number): OwnWord {
  const details = `the peer answered HTTP, not gRPC: ${what}. Is the port the right one, and is there a proxy in between?`
  const fails = code === grpcCode('UNAVAILABLE') || code === INTERNAL
  const condition = code === INTERNAL ? '5xx' : 'gateway-error'
  return {
    outcome: outcome(
      code,
      fails ? 'failure' : 'success',
      fails ? condition : undefined,
      false,
      undefined,
      'head',
    ),
    status: { code, details, metadata: status.metadata },
  }
}

/** grpc-js passes on what its decoder threw as a status without a code. */
function undecodable(status: StatusObject): OwnWord {
  const details =
    status.details ?? 'the answer is compressed in a way that is not understood here, or damaged'
  const said = { code: INTERNAL, details, metadata: status.metadata }
  return { outcome: outcome(INTERNAL, 'failure', '5xx', false, undefined, 'head'), status: said }
}

function calm(status: StatusObject): StatusObject {
  const why =
    ' (the peer said ENHANCE_YOUR_CALM: it is overloaded, or takes our pings for too many; then raise grpc.keepalive_time_ms)'
  return { ...status, details: status.details + why }
}

/** Then the words are the peer's, though it may have them from a call of its own. */
function saysGrpc({ metadata }: StatusObject): boolean {
  return String(metadata.get('content-type')[0]).startsWith('application/grpc')
}

function isEmpty({ metadata }: StatusObject): boolean {
  return Object.keys(metadata.getMap()).length === 0
}
