import { createHash, X509Certificate } from 'node:crypto'
import { z } from 'zod'
import { MeshError } from '../core/errors.ts'
import { readCertificate } from './certificate.ts'
import { duplicateKey } from './duplicate-key.ts'
import { certificatesOf, pemOf } from './pem.ts'
import { parseSpiffeId } from './spiffe-id.ts'

/** The roots of one trust domain: whose signatures we believe. Never empty. */
export interface TrustBundle {
  readonly trustDomain: string
  /** DER, each once, in the order of the document. */
  readonly roots: readonly Uint8Array[]
  /** Grows with every change, where the document says so (`spiffe_sequence`). */
  readonly sequence: number | undefined
}

/** Far more than any bundle needs: 100 roots of 4096-bit RSA are 200 KB. */
const MAX_LETTERS = 1024 * 1024
const MAX_ROOTS = 100

const document = z.looseObject({
  keys: z.array(z.unknown()).max(1000),
  spiffe_sequence: z.int().min(0).optional(),
})

/** Of a JSON Web Key what an X.509 authority needs (RFC 7517; SPIFFE_Trust_Domain_and_Bundle.md, 4.2). */
const authority = z.looseObject({
  use: z.literal('x509-svid'),
  kty: z.enum(['EC', 'RSA', 'OKP']),
  x5c: z.tuple([z.base64().min(1)]).rest(z.unknown()),
})

/**
 * Reads a trust bundle: PEM certificates, or a SPIFFE bundle (JWKS). Keys of another use or kind are passed over; a bundle
 * with no usable key is an error, as it would make every SVID of the trust domain invalid.
 * @returns TULLE_IDENTITY with what was wrong. Never throws.
 */
export function readBundle(text: string, trustDomain: string): TrustBundle | MeshError {
  if (text.length > MAX_LETTERS) return unusable(`it is larger than ${MAX_LETTERS} letters`)
  const read = /^\s*\{/.test(text) ? fromJwks(text) : { ders: certificatesOf(text), sequence: undefined }
  if (typeof read === 'string') return unusable(read)
  const roots = [...new Map(read.ders.map((der) => [Buffer.from(der).toString('base64'), der])).values()]
  if (roots.length === 0) return unusable('it holds no root certificate that can be used')
  if (roots.length > MAX_ROOTS) return unusable(`it holds more than ${MAX_ROOTS} roots`)
  for (const root of roots) {
    const wrong = wrongRoot(root, trustDomain)
    if (wrong !== undefined) return unusable(`its certificate ${sha256Of(root).slice(0, 16)}… ${wrong}`)
  }
  return Object.freeze({ trustDomain, roots: Object.freeze(roots), sequence: read.sequence })
}

function fromJwks(text: string): { ders: Uint8Array[]; sequence: number | undefined } | string {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return 'it is neither PEM nor JSON'
  }
  const twice = duplicateKey(text)
  if (twice !== undefined) return `it has the key ${JSON.stringify(twice.slice(0, 100))} twice`
  const { data, error } = document.safeParse(parsed)
  if (error !== undefined)
    return `it is no JWK set: ${error.issues[0]?.path.join('.')}: ${error.issues[0]?.message}`
  const ders = data.keys.flatMap((key) => {
    const known = authority.safeParse(key)
    return known.success ? [new Uint8Array(Buffer.from(known.data.x5c[0], 'base64'))] : []
  })
  return { ders, sequence: data.spiffe_sequence }
}

/** X509-SVID.md, 3–4: what signs is a CA with keyCertSign, and its own ID, if it has one, is the trust domain's. */
function wrongRoot(der: Uint8Array, trustDomain: string): string | undefined {
  const facts = readCertificate(der)
  if (typeof facts === 'string') return `cannot be read: ${facts}`
  try {
    new X509Certificate(der)
  } catch {
    return 'cannot be read by OpenSSL'
  }
  if (!facts.isCa) return 'is no CA certificate'
  if (facts.keyUsage?.bits.has('keyCertSign') !== true) return 'may not sign certificates (no keyCertSign)'
  if (facts.uris.length > 1) return 'has more than one URI name'
  for (const uri of facts.uris) {
    const id = parseSpiffeId(uri)
    if (typeof id === 'string') return `names ${JSON.stringify(uri.slice(0, 300))}: ${id}`
    if (id.segments.length > 0) return `names ${uri}, a service and not a trust domain`
    if (id.trustDomain !== trustDomain)
      return `is of the trust domain ${id.trustDomain}, not of ${trustDomain}`
  }
  return undefined
}

/** The bundle as SPIFFE has it (JWKS). @param roots DER */
export function writeBundle(
  roots: readonly Uint8Array[],
  sequence: number,
  refreshHintSeconds = 300,
): string {
  const keys = roots.map((root) => ({
    use: 'x509-svid',
    ...new X509Certificate(root).publicKey.export({ format: 'jwk' }),
    x5c: [Buffer.from(root).toString('base64')],
  }))
  return JSON.stringify({ keys, spiffe_sequence: sequence, spiffe_refresh_hint: refreshHintSeconds })
}

/** The roots, PEM each, as `createSecureContext` takes them. */
export function rootsPem(bundle: Pick<TrustBundle, 'roots'>): string[] {
  return bundle.roots.map((root) => pemOf('CERTIFICATE', root))
}

/** Of the DER, lower-case hexadecimal: how a join token names a root. */
export function sha256Of(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('hex')
}

function unusable(why: string): MeshError {
  return new MeshError('TULLE_IDENTITY', `The trust bundle cannot be used: ${why}.`, {
    layer: 'identity',
    hint: 'Without a usable bundle no peer can be believed. It must be PEM or a SPIFFE bundle (JWKS) of the CA that signs the SVIDs.',
  })
}
