import type { DetailedPeerCertificate, TLSSocket } from 'node:tls'

/** More certificates than a chain of ours has; what a peer sends beyond is not looked at. */
const MAX_CHAIN = 10

/**
 * The chain of a peer, DER, leaf first; empty where it sent none or the session was resumed. OpenSSL has linked it, so a
 * root of our own may stand at its end. Some versions of Node give servers the leaf alone (nodejs/node#65579): who judges
 * a chain again must bring the intermediates that are known anyway. Not from `getPeerX509Certificate`, which takes the
 * leaf out of the connection, so that a second look finds no chain.
 */
export function chainOf(socket: Pick<TLSSocket, 'getPeerCertificate'>): Uint8Array[] {
  const chain: Uint8Array[] = []
  const seen = new Set<DetailedPeerCertificate>()
  let next: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true)
  // A root is its own issuer.
  while (next?.raw !== undefined && !seen.has(next) && chain.length < MAX_CHAIN) {
    seen.add(next)
    chain.push(new Uint8Array(next.raw))
    next = next.issuerCertificate
  }
  return chain
}
