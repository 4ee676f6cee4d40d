import type { KeyObject } from 'node:crypto'
import { id_kp_clientAuth, id_kp_serverAuth } from '@peculiar/asn1-x509'
import { issueCertificate } from '../../identity/x509.ts'
import { BACKDATED_MS, type SigningCa } from './ca.ts'

export interface LeafContent {
  /** The SPIFFE ID. */
  readonly id: string
  readonly publicKey: KeyObject
  readonly wallMs: number
  readonly notAfterMs: number
}

/**
 * An SVID as X509-SVID.md, 2–4, has it: one URI name, no CA, digitalSignature alone and critical, for servers and
 * clients. The subject is empty and so the name critical: nothing but the SPIFFE ID says who it is. @returns DER.
 */
export function issueLeaf(ca: SigningCa, { id, publicKey, wallMs, notAfterMs }: LeafContent): Uint8Array {
  return issueCertificate(
    {
      publicKey,
      notBeforeMs: wallMs - BACKDATED_MS,
      notAfterMs,
      isCa: false,
      keyUsage: ['digitalSignature'],
      extendedKeyUsage: [id_kp_serverAuth, id_kp_clientAuth],
      names: { uris: [id] },
    },
    { key: ca.key, certificate: ca.chain[0] },
  )
}
