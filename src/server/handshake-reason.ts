/** What OpenSSL found wrong with a client's chain, by its name for it. */
const REASONS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "The peer's certificate, or one above it, has expired.",
  CERT_NOT_YET_VALID:
    "The peer's certificate, or one above it, is not yet valid. Are the clocks of both machines right?",
  DEPTH_ZERO_SELF_SIGNED_CERT: "The peer's certificate is self-signed.",
  SELF_SIGNED_CERT_IN_CHAIN: "The peer's certificate leads to a root that is not trusted here.",
  UNABLE_TO_GET_ISSUER_CERT: "The peer's certificate leads to none of the roots that are trusted here.",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    "The peer's certificate leads to none of the roots that are trusted here.",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "The peer's certificate leads to none of the roots that are trusted here.",
  CERT_SIGNATURE_FAILURE: "A signature in the peer's chain is wrong.",
  INVALID_CA: "The peer's certificate was issued by one that may not issue any.",
  INVALID_PURPOSE: "The extended key usage of the peer's certificate does not allow client authentication.",
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'The peer showed no certificate.',
  ERR_TLS_HANDSHAKE_TIMEOUT: 'The handshake did not end in time.',
  ECONNRESET: 'The peer went away in the middle of the handshake.',
}

/** Why a handshake failed, for a log line and a label: one of few texts, or OpenSSL's own short name. */
export function handshakeReason(authorizationError: unknown, code: string | undefined): string {
  const name = typeof authorizationError === 'string' ? authorizationError : code
  return name === undefined ? 'The handshake failed.' : (REASONS[name] ?? name)
}
