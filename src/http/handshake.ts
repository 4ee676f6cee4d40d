import type { Code } from '../core/codes.ts'
import { isMeshError } from '../core/errors.ts'

/** A TLS connection that was not made. Nothing of any call was sent on it. */
export class HandshakeFailure extends Error {
  readonly code: Code
  readonly hint: string | undefined

  /** @param message what the endpoint did, as the rest of a sentence that begins with it */
  constructor(code: Code, message: string, cause: unknown, hint?: string) {
    super(message, { cause })
    this.code = code
    this.hint = hint
  }
}

/** What OpenSSL (X509_verify_cert_error_string(3)) found in the chain that a peer showed. */
const CERTIFICATE_FAULTS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'showed a certificate that has expired',
  CERT_NOT_YET_VALID: 'showed a certificate that is not yet valid',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'showed a self-signed certificate',
  SELF_SIGNED_CERT_IN_CHAIN: 'showed a certificate of an unknown CA: its root is not in our trust bundle',
  UNABLE_TO_GET_ISSUER_CERT: 'showed a certificate of an unknown CA: no root of our trust bundle signed it',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'showed a certificate of an unknown CA: no root of our trust bundle signed it',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'showed a certificate of an unknown CA: no root of our trust bundle signed it',
  CERT_SIGNATURE_FAILURE: 'showed a certificate whose signature is wrong',
  INVALID_PURPOSE: 'showed a certificate that is not meant for servers (extended key usage)',
  INVALID_CA: 'showed a certificate that was signed by something that is no CA',
  PATH_LENGTH_EXCEEDED: 'showed a chain that is longer than one of its CAs allows',
}

/** What a peer says by an alert (RFC 8446, section 6.2) where it is about our certificate. */
const REFUSALS: Readonly<Record<string, string>> = {
  'certificate required': 'it demands one and got none',
  'unknown ca': 'it does not know the CA that signed it',
  'bad certificate': 'it finds it malformed, or not acceptable',
  'unsupported certificate': 'it does not take certificates of this kind',
  'certificate revoked': 'it is revoked',
  'certificate expired': 'it has expired, or is not yet valid, by the clock over there',
  'certificate unknown': 'it gives no reason',
  'access denied': 'it is valid, and access is denied',
  'decrypt error': 'the proof that we hold its key did not verify',
}

/** The reason a peer gave for refusing our certificate; undefined: this error says nothing of the kind. */
export function certificateRefusal(error: unknown): string | undefined {
  const alert = alertOf(error)
  return alert === undefined ? undefined : REFUSALS[alert]
}

/** OpenSSL's short reason where there is one: its messages name its own source lines. */
export function tlsReason(error: unknown): string | undefined {
  const reason = (error as { reason?: unknown } | null)?.reason
  return typeof reason === 'string' ? reason : undefined
}

/**
 * Why a handshake failed.
 * @param unauthorized the TLS layer rejected the peer's chain
 * @param reached there was a TCP connection
 */
export function handshakeFailure(error: Error, unauthorized: boolean, reached: boolean): Error {
  if (isMeshError(error))
    return new HandshakeFailure(error.code, `is refused: ${error.message}`, error, error.hint)
  const { code } = error as { code?: string }
  if (unauthorized)
    return new HandshakeFailure(
      'TULLE_PEER',
      CERTIFICATE_FAULTS[code ?? ''] ?? `showed a certificate that does not verify: ${error.message}`,
      error,
    )
  if (code === 'UND_ERR_CONNECT_TIMEOUT')
    return reached
      ? new HandshakeFailure(
          'TULLE_CONNECT_TIMEOUT',
          'accepted a connection, but no TLS handshake in time',
          error,
        )
      : error
  if (!reached) return error
  return new HandshakeFailure('TULLE_TLS', handshakeReason(error, code), error)
}

function handshakeReason(error: Error, code: string | undefined): string {
  const refused = certificateRefusal(error)
  if (refused !== undefined) return `refused our certificate: ${refused}`
  const alert = alertOf(error)
  if (alert === 'protocol version') return 'refused the handshake: it speaks no version of TLS that we accept'
  if (alert === 'handshake failure')
    return 'refused the handshake: no common parameters, or it wants a certificate and got none'
  if (alert !== undefined) return `refused the handshake: ${alert}`
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER')
    return 'did not answer in TLS: it speaks plaintext, or another protocol'
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'closed the connection in the middle of the handshake'
  return `made no TLS handshake: ${tlsReason(error) ?? error.message}`
}

/** Node's names of alerts change with the version of OpenSSL ("sslv3 alert", "ssl/tls alert"); the rest stays. */
function alertOf(error: unknown): string | undefined {
  return tlsReason(error)?.match(/^(?:sslv3|tlsv1|tlsv13|ssl\/tls) alert (.+)$/)?.[1]
}
