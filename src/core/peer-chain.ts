/** A certificate as `node:tls` shows that of a peer (`getPeerCertificate(true)`): the one above it hangs on it. */
interface Linked {
  readonly raw?: Uint8Array | undefined
  readonly issuerCertificate?: Linked | undefined
}

/** More certificates than a chain of ours has; what a peer sends beyond is not looked at. */
const MAX_CHAIN = 10

/**
 * The chain of a peer, DER, leaf first; empty where it sent none or the session was resumed. OpenSSL has linked it, so a
 * root of our own may stand at its end. Some versions of Node give servers the leaf alone (nodejs/node#65579): who judges
 * a chain again must bring the intermediates that are known anyway. Not from `getPeerX509Certificate`, which takes the
 * leaf out of the connection, so that a second look finds no chain.
 */
export function chainOf(leaf: Linked | undefined): Uint8Array[] {
  const chain: Uint8Array[] = []
  const seen = new Set<Linked>()
  // A root is its own issuer.
  for (let next = leaf; next?.raw !== undefined && !seen.has(next); next = next.issuerCertificate) {
    if (chain.length === MAX_CHAIN) break
    seen.add(next)
    chain.push(new Uint8Array(next.raw))
  }
  return chain
}
