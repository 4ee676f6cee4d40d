import { createHash, type KeyObject, randomBytes, sign } from 'node:crypto'
import { id_ecdsaWithSHA256, id_ecdsaWithSHA384 } from '@peculiar/asn1-ecc'
import { AsnConvert } from '@peculiar/asn1-schema'
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  Certificate,
  Extensions,
  Name,
  RelativeDistinguishedName,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Time,
  Validity,
  Version,
} from '@peculiar/asn1-x509'
import { readCertificate } from './certificate.ts'
import { type ExtensionContent, extensionsOf } from './extensions.ts'

export interface CertificateContent extends ExtensionContent {
  /** A common name, or the DER of a whole name; undefined or empty: an empty subject. */
  readonly subject?: string | Uint8Array | undefined
  readonly publicKey: KeyObject
  /** Wall-clock milliseconds; a certificate knows whole seconds. */
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** Positive, at most 20 bytes. Default: 16 random bytes. */
  readonly serial?: Uint8Array | undefined
}

export interface Issuer {
  readonly key: KeyObject
  /** DER; undefined: the certificate signs itself. */
  readonly certificate?: Uint8Array | undefined
}

const COMMON_NAME = '2.5.4.3'
const SHA256_WITH_RSA = '1.2.840.113549.1.1.11'

/** Makes a certificate (RFC 5280) and signs it with `node:crypto`. @returns DER. */
export function issueCertificate(content: CertificateContent, issuer: Issuer): Uint8Array {
  const subject = nameOf(content.subject)
  const spki = content.publicKey.export({ type: 'spki', format: 'der' })
  const subjectKeyId = keyIdOf(spki)
  const above = issuer.certificate === undefined ? undefined : readCertificate(issuer.certificate)
  if (typeof above === 'string') throw new TypeError(`the issuer's certificate: ${above}`)
  const { algorithm, hash } = signatureOf(issuer.key)

  const validity = new Validity()
  validity.notBefore = new Time(content.notBeforeMs)
  validity.notAfter = new Time(content.notAfterMs)
  const tbs = new TBSCertificate({
    version: Version.v3,
    serialNumber: bufferOf(content.serial ?? randomSerial()),
    signature: algorithm,
    issuer: above === undefined ? subject : AsnConvert.parse(above.subject, Name),
    validity,
    subject,
    subjectPublicKeyInfo: AsnConvert.parse(spki, SubjectPublicKeyInfo),
    extensions: new Extensions(
      extensionsOf(content, {
        subjectKeyId,
        authorityKeyId: above === undefined ? subjectKeyId : (above.subjectKeyId ?? keyIdOf(above.spki)),
        subjectEmpty: subject.length === 0,
      }),
    ),
  })
  const signature = sign(hash, Buffer.from(AsnConvert.serialize(tbs)), {
    key: issuer.key,
    dsaEncoding: 'der',
  })
  const whole = new Certificate({
    tbsCertificate: tbs,
    signatureAlgorithm: algorithm,
    signatureValue: bufferOf(signature),
  })
  return new Uint8Array(AsnConvert.serialize(whole))
}

/** The algorithm a key signs with. Throws a TypeError for keys of a kind that TLS peers of the mesh may not know. */
export function signatureOf(key: KeyObject): { algorithm: AlgorithmIdentifier; hash: string } {
  const curve = key.asymmetricKeyDetails?.namedCurve
  if (curve === 'prime256v1')
    return { algorithm: new AlgorithmIdentifier({ algorithm: id_ecdsaWithSHA256 }), hash: 'sha256' }
  if (curve === 'secp384r1')
    return { algorithm: new AlgorithmIdentifier({ algorithm: id_ecdsaWithSHA384 }), hash: 'sha384' }
  if (key.asymmetricKeyType === 'rsa')
    return {
      algorithm: new AlgorithmIdentifier({ algorithm: SHA256_WITH_RSA, parameters: null }),
      hash: 'sha256',
    }
  throw new TypeError(`a signing key must be P-256, P-384 or RSA, not ${curve ?? key.asymmetricKeyType}`)
}

export function nameOf(subject: string | Uint8Array | undefined): Name {
  if (subject instanceof Uint8Array) return AsnConvert.parse(subject, Name)
  if (subject === undefined || subject === '') return new Name()
  const value = new AttributeValue({ utf8String: subject })
  return new Name([new RelativeDistinguishedName([new AttributeTypeAndValue({ type: COMMON_NAME, value })])])
}

/** 127 random bits and never zero: positive without a further byte (RFC 5280, 4.1.2.2). */
function randomSerial(): Uint8Array {
  const bytes = randomBytes(16)
  bytes[0] = (bytes[0]! & 0x7f) | 0x40
  return bytes
}

/** RFC 7093, method 1: the first 160 bits of the SHA-256 of the key; only a hint for finding issuers. */
function keyIdOf(spki: Uint8Array): Uint8Array {
  const { subjectPublicKey } = AsnConvert.parse(spki, SubjectPublicKeyInfo)
  return createHash('sha256').update(Buffer.from(subjectPublicKey)).digest().subarray(0, 20)
}

const bufferOf = (bytes: Uint8Array): ArrayBuffer => Uint8Array.from(bytes).buffer
