import type { DetailedPeerCertificate, TLSSocket } from 'node:tls'

/** Longer chains than this are nobody's. */
const MAX_CHAIN = 10

/**
 * The chain of the peer in DER, leaf first. Node continues it with what it finds among our own roots; a root at its end
 * is left out, because what is believed is said by the bundle and not by the peer.
 */
export function peerChain(socket: TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = []
  let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true)
  while (certificate?.raw !== undefined && chain.length < MAX_CHAIN) {
    const issuer: DetailedPeerCertificate | undefined = certificate.issuerCertificate
    const root: boolean = issuer === certificate
    if (!root || chain.length === 0) chain.push(certificate.raw)
    certificate = root ? undefined : issuer
  }
  return chain
}
