import type { Code } from '../core/codes.ts'
import type { EndpointState } from '../core/endpoint.ts'
import type { MeshError } from '../core/errors.ts'
import { connectPiece } from '../policy/connect.ts'
import { type Place, systemCause, transportError } from './transport-error.ts'

/**
 * Why there is no connection. An error is made for each call that is told.
 * @param since how long ago that was found, where it was not found for this call
 */
export type Why = (since?: string) => MeshError

/** What grpc-js wraps the reason in. */
const WRAPPING =
  /^No connection established\. Last error: |\.? ?Resolution note:.*$|\s*\(\d{4}-\d\d-\d\dT[\d:.]+Z\)|^(?:Type)?Error: |; if the root CA is installed.*$/gs

/** What grpc-js or the peer says, what that means, and what to do where the code's own advice is not it. */
type Known = readonly (readonly [RegExp, string, hint?: string])[]

const STRANGER =
  'Is it a member of this mesh? Compare our trust bundle with the CA of the endpoint; `tulle check` prints the chain.'
const LOG = 'The log of the endpoint says whom it refused, and why.'

/** OpenSSL's words (X509_verify_cert_error_string(3)) for what is wrong with a chain; grpc-js passes on no codes. */
const CERTIFICATE: Known = [
  [/^certificate has expired/, 'showed a certificate that has expired'],
  [/^certificate is not yet valid/, 'showed a certificate that is not yet valid'],
  [
    /^self[- ]signed certificate in certificate chain/,
    'showed a certificate of an unknown CA: its root is not in our trust bundle',
    STRANGER,
  ],
  [/^self[- ]signed certificate/, 'showed a self-signed certificate'],
  [
    /^unable to (?:get (?:local )?issuer certificate|verify the first certificate)/,
    'showed a certificate of an unknown CA: no root of our trust bundle signed it',
    STRANGER,
  ],
  [/^certificate signature failure/, 'showed a certificate whose signature is wrong'],
  [
    /^uns(?:uitable|upported) certificate purpose/,
    'showed a certificate that is not meant for servers (extended key usage)',
  ],
  [/^invalid CA certificate/, 'showed a certificate that was signed by something that is no CA'],
  [/^path length constraint exceeded/, 'showed a chain that is longer than one of its CAs allows'],
]

/** What a peer says by an alert (RFC 8446, section 6.2) where it is about our certificate. */
const REFUSALS: Known = [
  [/alert certificate required/, 'it demands one and got none'],
  [/alert unknown ca/, 'it does not know the CA that signed it'],
  [/alert bad certificate/, 'it finds it malformed, or not acceptable'],
  [/alert unsupported certificate/, 'it does not take certificates of this kind'],
  [/alert certificate revoked/, 'it is revoked'],
  [/alert certificate expired/, 'it has expired, or is not yet valid, by the clock over there'],
  [/alert certificate unknown/, 'it gives no reason'],
  [/alert access denied/, 'it is valid, and access is denied'],
  [/alert decrypt error/, 'the proof that we hold its key did not verify'],
]

/** How else a handshake fails. */
const HANDSHAKES: Known = [
  [
    /alert no application protocol/,
    'speaks TLS, but not HTTP/2: it accepts no common application protocol (ALPN), as HTTP/1.1 servers do',
    'Is the port the one of the gRPC listener, not of mesh.serve?',
  ],
  [
    /wrong version number|packet length too long/,
    'did not answer in TLS: it speaks plaintext, or another protocol',
    'Give its process an identity; or, while you migrate, say `mtls: disable` for the service in the policy.',
  ],
  [/alert protocol version/, 'refused the handshake: it speaks no version of TLS that we accept'],
  [
    /alert handshake failure/,
    'refused the handshake: no common parameters, or it wants a certificate and got none',
  ],
  [
    /^Client network socket disconnected before secure TLS|^Socket closed/,
    'closed the connection in the middle of the handshake: so ends a peer that refuses our certificate and does not say so, or one that is going away',
    LOG,
  ],
  [
    /^Failed to connect$|^Connection closed before starting HTTP\/2/,
    'closed the connection right after the handshake, before it spoke HTTP/2: so ends a peer that refuses our certificate and does not say so',
    LOG,
  ],
]

const NOT_TCP = /\b(?:ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EADDRNOTAVAIL)\b/
const NO_NAME = /^Name resolution failed/
/** It accepted, and ended the connection with no error. */
const CLOSED = /^Failed to connect$|^Connection closed before starting HTTP\/2/
const SILENT =
  'closed the connection and does not speak HTTP/2: it demands TLS, speaks another protocol, or is going away'
const NEEDS_IDENTITY =
  'Where the endpoint demands mutual TLS this process needs an identity too (TULLE_JOIN_TOKEN, or certificate files); else is the port the right one?'
const NO_HTTP2 =
  'Is the port the right one, and does it speak gRPC? That is HTTP/2; a server of HTTP/1.1 at that port does not.'

/** Why no connection to an endpoint could be made, from what grpc-js tells; undefined: the time was up. */
export function unreached(endpoint: EndpointState, reason: string | undefined): Why {
  if (reason === undefined) {
    const { timeout } = endpoint.params(connectPiece)
    return late(endpoint, `made no HTTP/2 connection within ${timeout} ms (connect.timeout)`)
  }
  const text = unwrapped(reason)
  const wrong = speaksNoHttp2(placeOf(endpoint), text)
  if (wrong !== undefined) return wrong
  return CLOSED.test(text)
    ? failure(endpoint, 'TULLE_PROTOCOL', SILENT, NEEDS_IDENTITY)
    : noConnection(endpoint, text)
}

/** The same for mutual TLS. */
export function unsecured(endpoint: EndpointState, reason: string | undefined): Why {
  if (reason === undefined)
    return late(endpoint, 'made no connection and TLS handshake within five times connect.timeout')
  const text = unwrapped(reason)
  const fault = find(CERTIFICATE, text)
  if (fault !== undefined) return failure(endpoint, 'TULLE_PEER', ...fault)
  const refused = refusedOurs(placeOf(endpoint), text)
  if (refused !== undefined) return refused
  const handshake = find(HANDSHAKES, text)
  if (handshake !== undefined) return failure(endpoint, 'TULLE_TLS', ...handshake)
  if (NOT_TCP.test(text) || NO_NAME.test(text)) return noConnection(endpoint, text)
  return (
    speaksNoHttp2(placeOf(endpoint), text) ?? failure(endpoint, 'TULLE_TLS', `made no TLS handshake: ${text}`)
  )
}

/** The peer has proved to be somebody else, or nobody. */
export function unproven(endpoint: EndpointState, { code, message, hint }: MeshError): Why {
  return failure(endpoint, code, `is refused: ${message}`, hint)
}

/** Node's words for bytes that are not HTTP/2. */
export function speaksNoHttp2(at: Place, text: string): Why | undefined {
  if (!/Protocol error$|NGHTTP2_|^Session closed with error code/.test(text)) return undefined
  return failureAt(at, 'TULLE_PROTOCOL', `does not speak HTTP/2 (${text})`, NO_HTTP2)
}

/** A peer's alert that is about our certificate. With TLS 1.3 it may come when we take the handshake for done. */
export function refusedOurs(at: Place, text: string): Why | undefined {
  const refused = find(REFUSALS, text)
  return refused === undefined
    ? undefined
    : failureAt(at, 'TULLE_TLS', `refused our certificate: ${refused[0]}`, TRUST)
}

const TRUST =
  'Compare the trust bundle of the peer with the CA of our certificate; `tulle check` prints the chain.'

function late(endpoint: EndpointState, what: string): Why {
  return failure(endpoint, 'TULLE_CONNECT_TIMEOUT', what)
}

function noConnection(endpoint: EndpointState, text: string): Why {
  if (NO_NAME.test(text)) return failure(endpoint, 'TULLE_CONNECT', UNRESOLVED, WHICH_NAME)
  const { address, port } = endpoint
  // The system names the address once more.
  const said = text.endsWith(` ${address}:${port}`) ? text.slice(0, text.lastIndexOf(' ')) : text
  return failure(endpoint, 'TULLE_CONNECT', `could not be reached: ${said}`, undefined, systemCause(text))
}

const UNRESOLVED = 'could not be resolved: DNS knows no address for that name, or does not answer'
const WHICH_NAME = 'Check the name where it is written: in the registry, in TULLE_ENDPOINTS or in the policy.'

function failure(endpoint: EndpointState, code: Code, what: string, hint?: string, cause?: Error): Why {
  return failureAt(placeOf(endpoint), code, what, hint, cause)
}

function failureAt(at: Place, code: Code, what: string, hint?: string, cause?: Error): Why {
  const place = { phase: 'connect', service: at.service, endpoint: at.endpoint } as const
  return (since = '') => transportError(code, `${at.endpoint} ${what}${since}`, place, hint, cause)
}

function placeOf({ id, service }: EndpointState): Place {
  return { phase: 'connect', service: service.name, endpoint: id }
}

function find(known: Known, text: string): [meaning: string, hint?: string] | undefined {
  const found = known.find(([words]) => words.test(text))
  if (found === undefined) return undefined
  const [, meaning, hint] = found
  return hint === undefined ? [meaning] : [meaning, hint]
}

function unwrapped(reason: string): string {
  let text = reason.trim()
  for (let before = ''; before !== text; ) {
    before = text
    text = text.replace(WRAPPING, '').trim()
  }
  // OpenSSL names its own source lines around the reason.
  return /:SSL routines:[^:]*:([^:]+):/.exec(text)?.[1] ?? text
}
