import { X509Certificate } from 'node:crypto'
import { AsnConvert } from '@peculiar/asn1-schema'
import { BasicConstraints, Certificate, id_ce_basicConstraints } from '@peculiar/asn1-x509'
import { MeshError } from '../../core/errors.ts'
import { readCertificate } from '../../identity/certificate.ts'
import { type KeyPair, readKey } from '../../identity/keys.ts'
import { certificatesOf } from '../../identity/pem.ts'
import { parseSpiffeId } from '../../identity/spiffe-id.ts'
import { instantOf } from '../../identity/time-text.ts'
import { signatureOf } from '../../identity/x509.ts'
import type { SigningCa } from './ca.ts'

export interface BroughtCa {
  /** PEM: the signing certificate first, then each one's issuer, the root last. A root alone is fine. */
  readonly caCert: string
  /** PEM, not encrypted: the key of the first certificate. P-256, P-384 or RSA of at least 2048 bits. */
  readonly caKey: string
}

/** With two roots and a cross-signed one during a rotation, what is delivered stays below 8 (core/plane-wire.ts). */
const MOST_CERTIFICATES = 4

/**
 * A CA that was made elsewhere, checked so that what is wrong with it is said when the plane starts and not by the first
 * handshake. Chains are verified by OpenSSL in every handshake all the same: this only explains.
 * @throws MeshError TULLE_CONFIG
 */
export function readBrought({ caCert, caKey }: BroughtCa, trustDomain: string, wallMs: number): SigningCa {
  const chain = certificatesOf(caCert)
  const [issuer] = chain
  if (issuer === undefined) throw wrong('caCert holds no certificate in PEM')
  if (chain.length > MOST_CERTIFICATES)
    throw wrong(
      `caCert holds ${chain.length} certificates; a chain of at most ${MOST_CERTIFICATES} is delivered`,
    )
  const certificates = chain.map((der, place) => opened(der, place))
  chain.forEach((der, place) => {
    demandCa(der, place, wallMs)
  })
  demandSpiffeId(issuer, trustDomain)
  demandChain(certificates)
  const { privateKey, publicKey } = keyOf(caKey)
  if (!certificates[0]!.checkPrivateKey(privateKey))
    throw wrong(`caKey is not the key of the first certificate of caCert (${nameOf(certificates[0]!)})`)
  const bits = publicKey.asymmetricKeyDetails?.modulusLength
  if (bits !== undefined && bits < 2048) throw wrong(`caKey is RSA of ${bits} bits; at least 2048 are needed`)
  return { key: privateKey, chain }
}

function opened(der: Uint8Array, place: number): X509Certificate {
  try {
    return new X509Certificate(der)
  } catch (cause) {
    throw wrong(`certificate ${place + 1} of caCert cannot be read`, cause)
  }
}

function demandCa(der: Uint8Array, place: number, wallMs: number): void {
  const facts = readCertificate(der)
  const which = `certificate ${place + 1} of caCert`
  if (typeof facts === 'string') throw wrong(`${which} cannot be read: ${facts}`)
  if (!facts.isCa) throw wrong(`${which} is not a CA certificate (basicConstraints without CA:TRUE)`)
  if (facts.keyUsage?.bits.has('keyCertSign') !== true)
    throw wrong(`${which} may not sign certificates (key usage without keyCertSign)`)
  if (facts.notAfterMs <= wallMs) throw wrong(`${which} expired at ${instantOf(facts.notAfterMs)}`)
  if (facts.notBeforeMs > wallMs) throw wrong(`${which} is valid only from ${instantOf(facts.notBeforeMs)}`)
  const allowed = pathLengthOf(der)
  // Below the certificate at place n stand n others that sign: it must allow for as many.
  if (allowed !== undefined && allowed < place)
    throw wrong(
      `${which} allows ${allowed} CA certificates below it (path length), and caCert has ${place} below it`,
    )
}

function pathLengthOf(der: Uint8Array): number | undefined {
  const { extensions = [] } = AsnConvert.parse(der, Certificate).tbsCertificate
  const basic = [...extensions].find(({ extnID }) => extnID === id_ce_basicConstraints)
  return basic === undefined
    ? undefined
    : AsnConvert.parse(basic.extnValue.buffer, BasicConstraints).pathLenConstraint
}

/** X509-SVID.md, 3: what signs has the trust domain's own ID, or none. */
function demandSpiffeId(der: Uint8Array, trustDomain: string): void {
  const facts = readCertificate(der)
  const uris = typeof facts === 'string' ? [] : facts.uris.filter((uri) => /^spiffe:/i.test(uri))
  for (const uri of uris) {
    const id = parseSpiffeId(uri)
    if (typeof id === 'string') throw wrong(`the signing certificate names ${uri.slice(0, 300)}: ${id}`)
    if (id.segments.length > 0)
      throw wrong(`the signing certificate names ${uri}, a service; it must be a CA's`)
    if (id.trustDomain !== trustDomain)
      throw wrong(
        `the signing certificate is of the trust domain "${id.trustDomain}", this plane of "${trustDomain}"`,
      )
  }
}

function demandChain(certificates: readonly X509Certificate[]): void {
  certificates.forEach((certificate, place) => {
    const above = certificates[place + 1]
    if (above === undefined) {
      if (!isSignedBy(certificate, certificate))
        throw wrong(
          `caCert ends with ${nameOf(certificate)}, which is not a root: append the certificates up to the root`,
        )
    } else if (!isSignedBy(certificate, above))
      throw wrong(
        `certificate ${place + 1} of caCert (${nameOf(certificate)}) is not signed by the next one (${nameOf(above)})`,
      )
  })
}

function isSignedBy(certificate: X509Certificate, above: X509Certificate): boolean {
  return certificate.checkIssued(above) && certificate.verify(above.publicKey)
}

function keyOf(pem: string): KeyPair {
  if (/ENCRYPTED/.test(pem))
    throw wrong('caKey is encrypted; decrypt it first, and keep the file at mode 0600')
  try {
    const pair = readKey(pem)
    signatureOf(pair.privateKey)
    return pair
  } catch (cause) {
    throw wrong(
      cause instanceof TypeError ? `caKey: ${cause.message}` : 'caKey is no private key in PEM',
      cause,
    )
  }
}

const nameOf = ({ subject }: X509Certificate): string => subject?.replaceAll('\n', ', ') ?? 'without a name'

function wrong(message: string, cause?: unknown): MeshError {
  return new MeshError('TULLE_CONFIG', `The CA that was brought along cannot be used: ${message}.`, {
    layer: 'plane',
    hint: 'caCert: the signing certificate, then its issuers up to the root, in PEM. caKey: the key of the first.',
    cause,
  })
}
