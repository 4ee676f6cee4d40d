import { createHash, type KeyObject } from 'node:crypto'
import { type CertificateFacts, readCertificate } from '../../identity/certificate.ts'
import { makeKey } from '../../identity/keys.ts'
import { issueCertificate } from '../../identity/x509.ts'

/** What signs leaves: a key, and its certificate with all that is above it. */
export interface SigningCa {
  readonly key: KeyObject
  /** DER: the certificate of the key first, the root last; the same one where the key is a root's. */
  readonly chain: readonly Uint8Array[]
}

const YEAR_MS = 365.25 * 24 * 3_600_000
/** How far back certificates begin, so that a peer whose clock is behind takes them at once. */
export const BACKDATED_MS = 5 * 60_000

/** A root of our own: P-256, 10 years; its SPIFFE ID is the trust domain's (X509-SVID.md, section 4). */
export async function makeRoot(trustDomain: string, wallMs: number): Promise<SigningCa> {
  const keys = await makeKey()
  const spki = keys.publicKey.export({ type: 'spki', format: 'der' })
  // Each root has a name of its own: of two roots with one name, verifiers must guess which is meant.
  const name = `tulle root ${createHash('sha256').update(spki).digest('hex').slice(0, 16)}`
  const root = issueCertificate(
    {
      subject: name,
      publicKey: keys.publicKey,
      notBeforeMs: wallMs - BACKDATED_MS,
      notAfterMs: wallMs + 10 * YEAR_MS,
      isCa: true,
      keyUsage: ['keyCertSign', 'cRLSign'],
      names: { uris: [`spiffe://${trustDomain}`] },
    },
    { key: keys.privateKey },
  )
  return { key: keys.privateKey, chain: [root] }
}

export function rootOf({ chain }: Pick<SigningCa, 'chain'>): Uint8Array {
  return chain.at(-1)!
}

/** The moment, wall-clock milliseconds, at which the first certificate of a chain is over. */
export function endOf(chain: readonly Uint8Array[]): number {
  return Math.min(...chain.map((der) => factsOf(der).notAfterMs))
}

/** Of a certificate that was judged before; throws a TypeError where it cannot be read. */
export function factsOf(der: Uint8Array): CertificateFacts {
  const facts = readCertificate(der)
  if (typeof facts === 'string') throw new TypeError(`a certificate of the authority: ${facts}`)
  return facts
}
