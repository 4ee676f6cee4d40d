import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { Attributes, CertificationRequest, CertificationRequestInfo } from '@peculiar/asn1-csr'
import { id_ecdsaWithSHA256 } from '@peculiar/asn1-ecc'
import { AsnConvert } from '@peculiar/asn1-schema'
import {
  Attribute,
  Extensions,
  id_ce_subjectAltName,
  SubjectAlternativeName,
  SubjectPublicKeyInfo,
} from '@peculiar/asn1-x509'
import { MeshError } from '../core/errors.ts'
import { isOneValue } from './certificate.ts'
import { alternativeNames } from './extensions.ts'
import { isP256, type KeyPair } from './keys.ts'
import { dersOf, pemOf } from './pem.ts'
import { parseSpiffeId } from './spiffe-id.ts'
import { signatureOf } from './x509.ts'

/** extensionRequest (RFC 2985, 5.4.2). */
const EXTENSION_REQUEST = '1.2.840.113549.1.9.14'
const LABELS = ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST']

/** A PKCS#10 request (RFC 2986) for an SVID: an empty subject, the SPIFFE ID as its one URI name. @returns PEM. */
export function makeCsr(id: string, { privateKey, publicKey }: KeyPair): string {
  const { algorithm, hash } = signatureOf(privateKey)
  const extensions = new Extensions([alternativeNames({ uris: [id] }, true)])
  const certificationRequestInfo = new CertificationRequestInfo({
    subjectPKInfo: AsnConvert.parse(publicKey.export({ type: 'spki', format: 'der' }), SubjectPublicKeyInfo),
    attributes: new Attributes([
      new Attribute({ type: EXTENSION_REQUEST, values: [AsnConvert.serialize(extensions)] }),
    ]),
  })
  const signature = sign(hash, Buffer.from(AsnConvert.serialize(certificationRequestInfo)), {
    key: privateKey,
    dsaEncoding: 'der',
  })
  const request = new CertificationRequest({
    certificationRequestInfo,
    signatureAlgorithm: algorithm,
    signature: Uint8Array.from(signature).buffer,
  })
  return pemOf('CERTIFICATE REQUEST', new Uint8Array(AsnConvert.serialize(request)))
}

/** What of a request an authority may go by: the key that its sender holds, and the ID it asks for. */
export interface Csr {
  readonly id: string
  readonly publicKey: KeyObject
}

/**
 * Reads a request and checks what it proves: a P-256 key, that whoever made it holds that key, and exactly one URI name
 * that is a SPIFFE ID with a path. Whether the ID may be had is the authority's to say; other names are not read.
 * @param pem one CERTIFICATE REQUEST
 * @returns TULLE_PLANE_REFUSED with the reason. Never throws.
 */
export function readCsr(pem: string): Csr | MeshError {
  const [der, ...more] = dersOf(pem, LABELS)
  if (der === undefined || more.length > 0) return refuse('it is not one PEM block of a certificate request')
  if (!isOneValue(der)) return refuse('it is not one DER value')
  try {
    const request = AsnConvert.parse(der, CertificationRequest)
    const publicKey = holderOf(request)
    if (typeof publicKey === 'string') return refuse(publicKey)
    return endsExactly(der, request)
      ? named(request, publicKey)
      : refuse('what follows its signed part is not DER')
  } catch {
    return refuse('its DER cannot be read')
  }
}

/** The signature does not cover its own algorithm and length: of them there is one spelling too. */
function endsExactly(der: Uint8Array, { signatureAlgorithm, signature }: CertificationRequest): boolean {
  const bits = Buffer.from(signature)
  const end = Buffer.concat([
    Buffer.from(AsnConvert.serialize(signatureAlgorithm)),
    Buffer.of(0x03, bits.length + 1, 0),
    bits,
  ])
  return Buffer.from(der).subarray(-end.length).equals(end)
}

function holderOf(request: CertificationRequest): KeyObject | string {
  const { certificationRequestInfo: info, certificationRequestInfoRaw: raw, signatureAlgorithm } = request
  const spki = Buffer.from(AsnConvert.serialize(info.subjectPKInfo))
  const key = createPublicKey({ key: spki, type: 'spki', format: 'der' })
  if (!isP256(key)) return 'its key is not on the curve P-256'
  if (signatureAlgorithm.algorithm !== id_ecdsaWithSHA256 || raw === undefined)
    return 'it is not signed by ECDSA with SHA-256'
  const signature = Buffer.from(request.signature)
  if (!verify('sha256', Buffer.from(raw), { key, dsaEncoding: 'der' }, signature))
    return 'its signature does not prove that the sender holds the key'
  return key
}

function named(
  { certificationRequestInfo: info }: CertificationRequest,
  publicKey: KeyObject,
): Csr | MeshError {
  const requests = [...(info.attributes ?? [])].filter(({ type }) => type === EXTENSION_REQUEST)
  const extensions = requests.flatMap(({ values }) =>
    values.flatMap((value) => [...AsnConvert.parse(value, Extensions)]),
  )
  const names = extensions
    .filter(({ extnID }) => extnID === id_ce_subjectAltName)
    .flatMap(({ extnValue }) => [...AsnConvert.parse(extnValue.buffer, SubjectAlternativeName)])
  const [uri, ...more] = names.flatMap(({ uniformResourceIdentifier: each }) =>
    each === undefined ? [] : [each],
  )
  if (uri === undefined) return refuse('it asks for no URI name')
  if (more.length > 0) return refuse(`it asks for ${more.length + 1} URI names; an SVID has exactly one`)
  const id = parseSpiffeId(uri)
  if (typeof id === 'string') return refuse(`it asks for ${JSON.stringify(uri.slice(0, 300))}: ${id}`)
  if (id.segments.length === 0) return refuse(`it asks for ${id.text}, a trust domain and not a service`)
  return Object.freeze({ id: id.text, publicKey })
}

function refuse(why: string): MeshError {
  return new MeshError('TULLE_PLANE_REFUSED', `The certificate request cannot be granted: ${why}.`, {
    layer: 'identity',
  })
}
