import { constants, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import { MeshError } from '../core/errors.ts'
import { keyPem } from './keys.ts'
import { pemOf } from './pem.ts'
import { stillRooted } from './rooted.ts'
import { readSvid, type Svid } from './svid.ts'

/** Our own certificate and its key. */
export interface OwnCertificate {
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[]
  readonly key: KeyObject
}

export interface Material {
  readonly context: SecureContext
  readonly svid: Svid
  /** Whether our own chain ends at one of the roots: where not, peers that believe the same refuse us. */
  readonly rooted: boolean
}

/** TLS 1.3 brings its own suites; for 1.2 only forward secrecy and GCM. */
const CIPHERS = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES256-GCM-SHA384',
].join(':')

/**
 * What handshakes use, for both roles. There are no `ticketKeys`, for a fixed one would let a peer resume a session that a
 * removed root had verified. Our own certificate may be expired: that is for the identity to say.
 * @param roots DER: all that we believe
 * @param wallMs wall-clock milliseconds
 * @returns TULLE_IDENTITY where certificate, key and roots do not make a usable whole. Never throws.
 */
export function tlsMaterial(
  { chain, key }: OwnCertificate,
  roots: readonly Uint8Array[],
  wallMs: number,
): Material | MeshError {
  const [leaf, next] = chain
  if (leaf === undefined) return unusable('there is none')
  if (roots.length === 0) return unusable('there is no root certificate to believe peers by')
  const svid = readSvid(leaf)
  if (svid instanceof MeshError) return unusable(`it is no SVID. ${svid.message}`, svid)
  try {
    const own = new X509Certificate(leaf)
    if (!own.checkPrivateKey(key))
      return unusable(`the private key does not belong to the certificate of ${svid.id}`)
    if (next !== undefined && !own.checkIssued(new X509Certificate(next)))
      return unusable(
        `the second certificate did not issue the first, that of ${svid.id}; the leaf comes first`,
      )
    // `createSecureContext` would pass over a root that it cannot read.
    const believed = roots.map((root) => new X509Certificate(root))
    const context = createSecureContext({
      cert: chain.map(pem).join(''),
      key: keyPem({ privateKey: key }),
      ca: roots.map(pem),
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.3',
      ciphers: CIPHERS,
      honorCipherOrder: true,
      // No resumption: it would skip every check of the peer's certificate. Without tickets TLS 1.3 falls back to a cache
      // of sessions, which Node does not keep.
      // No renegotiation: who the peer is was judged once, at the handshake.
      secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
      // SPIFFE: each certificate of a bundle is a trust anchor, signed by itself or not.
      allowPartialTrustChain: true,
    })
    return { context, svid, rooted: stillRooted(chain, believed, wallMs) }
  } catch (error) {
    return unusable(`certificate, key or roots cannot be read (${(error as Error).message})`, error)
  }
}

const pem = (der: Uint8Array): string => pemOf('CERTIFICATE', der)

function unusable(why: string, cause?: unknown): MeshError {
  return new MeshError('TULLE_IDENTITY', `Our certificate cannot be used: ${why}.`, {
    layer: 'identity',
    cause,
  })
}
