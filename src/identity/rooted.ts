import { X509Certificate } from 'node:crypto'
import { readCertificate } from './certificate.ts'

/** More than a chain and what is known beside it; each certificate may cost a verification. */
const MAX_CHAIN = 20

/**
 * Whether a leaf still has a root among `roots`: from the leaf through certificates that came with it, each signed by the
 * next and each a CA in its time, to one of the roots. For peers that TLS verified before the roots changed: only
 * signatures count, so certificates that a peer sends along lead nowhere. Signatures by `node:crypto`.
 * @param chain DER, leaf first, the rest in any order; certificates that we know ourselves may be added
 * @param roots DER, or as `node:crypto` has them
 */
export function stillRooted(
  chain: readonly Uint8Array[],
  roots: readonly (Uint8Array | X509Certificate)[],
  wallMs: number,
): boolean {
  const [leaf, ...rest] = readAll(chain.slice(0, MAX_CHAIN))
  if (leaf === undefined) return false
  const believed = readAll(roots, root)
  const waiting = [leaf]
  const unused = new Set(rest)
  for (let each = waiting.pop(); each !== undefined; each = waiting.pop()) {
    const certificate = each
    if (believed.some((above) => signed(above, certificate, wallMs))) return true
    for (const above of unused) {
      if (!signed(above, certificate, wallMs)) continue
      unused.delete(above)
      waiting.push(above)
    }
  }
  return false
}

/** Roots stay, and are asked about with every new connection. By the array that holds one; what a peer sends is not kept. */
const ROOTS = new WeakMap<Uint8Array, X509Certificate>()
/** Lives as long as what was read. */
const FACTS = new WeakMap<X509Certificate, ReturnType<typeof readCertificate>>()

function readAll(
  certificates: readonly (Uint8Array | X509Certificate)[],
  read = (der: Uint8Array) => new X509Certificate(der),
): X509Certificate[] {
  try {
    return certificates.map((each) => (each instanceof X509Certificate ? each : read(each)))
  } catch {
    return []
  }
}

function root(der: Uint8Array): X509Certificate {
  const known = ROOTS.get(der) ?? new X509Certificate(der)
  ROOTS.set(der, known)
  return known
}

function factsOf(certificate: X509Certificate): ReturnType<typeof readCertificate> {
  const facts = FACTS.get(certificate) ?? readCertificate(certificate.raw)
  FACTS.set(certificate, facts)
  return facts
}

function inTime(certificate: X509Certificate, wallMs: number): boolean {
  const facts = factsOf(certificate)
  return typeof facts !== 'string' && facts.notBeforeMs <= wallMs && wallMs <= facts.notAfterMs
}

/** By name, key identifier and key usage first: that is cheap, and most pairs end there. */
function signed(above: X509Certificate, below: X509Certificate, wallMs: number): boolean {
  try {
    return above.ca && below.checkIssued(above) && below.verify(above.publicKey) && inTime(above, wallMs)
  } catch {
    return false
  }
}
