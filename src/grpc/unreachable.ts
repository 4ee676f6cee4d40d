import type { Code } from '../core/codes.ts'
import type { EndpointState } from '../core/endpoint.ts'
import type { MeshError } from '../core/errors.ts'
import { type Place, transportError } from './transport-error.ts'

/** What grpc-js wraps the reason in. */
const WRAPPING =
  /^No connection established\. Last error: |\.? ?Resolution note:.*$|\s*\(\d{4}-\d\d-\d\dT[\d:.]+Z\)|^(?:Type)?Error: |; if the root CA is installed.*$/gs

type Known = readonly (readonly [RegExp, string])[]

/** OpenSSL's words (X509_verify_cert_error_string(3)) for what is wrong with a chain; grpc-js passes on no codes. */
const CERTIFICATE: Known = [
  [/^certificate has expired/, 'showed a certificate that has expired'],
  [/^certificate is not yet valid/, 'showed a certificate that is not yet valid'],
  [
    /^self[- ]signed certificate in certificate chain/,
    'showed a certificate of an unknown CA: its root is not in our trust bundle',
  ],
  [/^self[- ]signed certificate/, 'showed a self-signed certificate'],
  [
    /^unable to (?:get (?:local )?issuer certificate|verify the first certificate)/,
    'showed a certificate of an unknown CA: no root of our trust bundle signed it',
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
  ],
  [
    /wrong version number|packet length too long/,
    'did not answer in TLS: it speaks plaintext, or another protocol',
  ],
  [/alert protocol version/, 'refused the handshake: it speaks no version of TLS that we accept'],
  [
    /alert handshake failure/,
    'refused the handshake: no common parameters, or it wants a certificate and got none',
  ],
  [
    /^Client network socket disconnected before secure TLS|^Socket closed/,
    'closed the connection in the middle of the handshake: so ends a peer that refuses our certificate and does not say so, or one that is going away',
  ],
  [
    /^Failed to connect$|^Connection closed before starting HTTP\/2/,
    'closed the connection right after the handshake, before it spoke HTTP/2: so ends a peer that refuses our certificate and does not say so',
  ],
]

const NOT_TCP =
  /\b(?:ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EADDRNOTAVAIL)\b|^Name resolution failed/
/** It accepted, and ended the connection with no error. */
const CLOSED = /^Failed to connect$|^Connection closed before starting HTTP\/2/
const SILENT =
  'closed the connection and does not speak HTTP/2: it demands TLS, speaks another protocol, or is going away'
const NO_HTTP2 =
  'Is the port the right one, and does it speak gRPC? That is HTTP/2; a server of HTTP/1.1 at that port does not.'

/** Why no connection to an endpoint could be made, from what grpc-js tells; undefined: the time was up. */
export function unreached(endpoint: EndpointState, reason: string | undefined): () => MeshError {
  if (reason === undefined) return late(endpoint, 'accepted no connection in time')
  const text = unwrapped(reason)
  const wrong = speaksNoHttp2(placeOf(endpoint), text)
  if (wrong !== undefined) return wrong
  return CLOSED.test(text)
    ? failure(endpoint, 'TULLE_PROTOCOL', SILENT, NO_HTTP2)
    : failure(endpoint, 'TULLE_CONNECT', `could not be reached: ${text}`)
}

/** The same for mutual TLS. */
export function unsecured(endpoint: EndpointState, reason: string | undefined): () => MeshError {
  if (reason === undefined) return late(endpoint, 'made no connection and no TLS handshake in time')
  const text = unwrapped(reason)
  const fault = find(CERTIFICATE, text)
  if (fault !== undefined) return failure(endpoint, 'TULLE_PEER', fault)
  const refused = refusedOurs(placeOf(endpoint), text)
  if (refused !== undefined) return refused
  const handshake = find(HANDSHAKES, text)
  if (handshake !== undefined) return failure(endpoint, 'TULLE_TLS', handshake)
  if (NOT_TCP.test(text)) return failure(endpoint, 'TULLE_CONNECT', `could not be reached: ${text}`)
  return (
    speaksNoHttp2(placeOf(endpoint), text) ?? failure(endpoint, 'TULLE_TLS', `made no TLS handshake: ${text}`)
  )
}

/** The peer has proved to be somebody else, or nobody. */
export function unproven(endpoint: EndpointState, { code, message, hint }: MeshError): () => MeshError {
  return failure(endpoint, code, `is refused: ${message}`, hint)
}

/** Node's words for bytes that are not HTTP/2. */
export function speaksNoHttp2(at: Place, text: string): (() => MeshError) | undefined {
  if (!/Protocol error$|NGHTTP2_|^Session closed with error code/.test(text)) return undefined
  return failureAt(at, 'TULLE_PROTOCOL', `does not speak HTTP/2 (${text})`, NO_HTTP2)
}

/** A peer's alert that is about our certificate. With TLS 1.3 it may come when we take the handshake for done. */
export function refusedOurs(at: Place, text: string): (() => MeshError) | undefined {
  const refused = find(REFUSALS, text)
  return refused === undefined
    ? undefined
    : failureAt(at, 'TULLE_TLS', `refused our certificate: ${refused}`, TRUST)
}

const TRUST =
  'Compare the trust bundle of the peer with the CA of our certificate; `tulle check` prints the chain.'

function late(endpoint: EndpointState, what: string): () => MeshError {
  return failure(endpoint, 'TULLE_CONNECT_TIMEOUT', what)
}

function failure(endpoint: EndpointState, code: Code, what: string, hint?: string): () => MeshError {
  return failureAt(placeOf(endpoint), code, what, hint)
}

function failureAt(at: Place, code: Code, what: string, hint?: string): () => MeshError {
  const place = { phase: 'connect', service: at.service, endpoint: at.endpoint } as const
  return () => transportError(code, `${at.endpoint} ${what}`, place, hint)
}

function placeOf({ id, service }: EndpointState): Place {
  return { phase: 'connect', service: service.name, endpoint: id }
}

function find(known: Known, text: string): string | undefined {
  return known.find(([words]) => words.test(text))?.[1]
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
