import { AsnConvert } from '@peculiar/asn1-schema'
import {
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  type Extension,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  KeyUsage,
  Name,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
} from '@peculiar/asn1-x509'

/** What certificates say, read from the DER and not yet judged. */
export interface CertificateFacts {
  /** Upper-case hexadecimal, as `X509Certificate.serialNumber` has it. */
  readonly serial: string
  /** Wall-clock milliseconds. */
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** DER of the name. */
  readonly subject: Uint8Array
  readonly subjectEmpty: boolean
  /** DER of the SubjectPublicKeyInfo. */
  readonly spki: Uint8Array
  readonly subjectKeyId: Uint8Array | undefined
  readonly isCa: boolean
  /** Undefined: the extension is not there. */
  readonly keyUsage: { readonly critical: boolean; readonly bits: ReadonlySet<KeyUsageBit> } | undefined
  /** Object identifiers; undefined: the extension is not there. */
  readonly extendedKeyUsage: readonly string[] | undefined
  readonly uris: readonly string[]
  /** Whether the extension is marked critical; undefined: it is not there. */
  readonly sanCritical: boolean | undefined
}

/** In the order of their bits (RFC 5280, 4.2.1.3). */
export const KEY_USAGE_BITS = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
] as const
export type KeyUsageBit = (typeof KEY_USAGE_BITS)[number]

/** More than any certificate of a mesh needs; a parser should not be fed more. */
const MAX_BYTES = 64 * 1024

/** @returns what it says, or why it cannot be read. Never throws, whatever the bytes are. */
export function readCertificate(der: Uint8Array): CertificateFacts | string {
  if (der.byteLength > MAX_BYTES) return `it is larger than ${MAX_BYTES} bytes`
  if (!isOneValue(der)) return 'it is not one DER value'
  try {
    return factsOf(AsnConvert.parse(der, Certificate))
  } catch (error) {
    return error instanceof Unreadable ? error.message : 'its DER cannot be read'
  }
}

class Unreadable extends Error {}

function factsOf({ tbsCertificate: tbs }: Certificate): CertificateFacts {
  const extensions = new Map<string, Extension>()
  for (const extension of tbs.extensions ?? []) {
    // RFC 5280, 4.2: which of two would count depends on the reader, so neither does.
    if (extensions.has(extension.extnID)) throw new Unreadable('it has one extension twice')
    extensions.set(extension.extnID, extension)
  }
  const bytes = (id: string): ArrayBuffer | undefined => extensions.get(id)?.extnValue.buffer
  const sanBytes = bytes(id_ce_subjectAltName)
  const names = sanBytes === undefined ? [] : exactly(sanBytes, SubjectAlternativeName, 'subjectAltName')
  const basic = bytes(id_ce_basicConstraints)
  const usage = bytes(id_ce_keyUsage)
  const extended = bytes(id_ce_extKeyUsage)
  const keyId = bytes(id_ce_subjectKeyIdentifier)
  return {
    serial: hexOf(tbs.serialNumber),
    notBeforeMs: tbs.validity.notBefore.getTime().getTime(),
    notAfterMs: tbs.validity.notAfter.getTime().getTime(),
    subject: new Uint8Array(AsnConvert.serialize(new Name([...tbs.subject]))),
    subjectEmpty: tbs.subject.length === 0,
    spki: new Uint8Array(AsnConvert.serialize(new SubjectPublicKeyInfo({ ...tbs.subjectPublicKeyInfo }))),
    subjectKeyId:
      keyId === undefined ? undefined : new Uint8Array(AsnConvert.parse(keyId, SubjectKeyIdentifier).buffer),
    isCa:
      basic !== undefined &&
      !isExplicitlyFalse(basic) &&
      exactly(basic, BasicConstraints, 'basicConstraints').cA,
    keyUsage:
      usage === undefined
        ? undefined
        : { critical: extensions.get(id_ce_keyUsage)?.critical === true, bits: bitsOf(usage) },
    extendedKeyUsage:
      extended === undefined ? undefined : [...exactly(extended, ExtendedKeyUsage, 'extKeyUsage')],
    uris: [...names].flatMap(({ uniformResourceIdentifier: uri }) => (uri === undefined ? [] : [uri])),
    sanCritical: sanBytes === undefined ? undefined : extensions.get(id_ce_subjectAltName)?.critical === true,
  }
}

/**
 * Parsed, and written again to the same bytes: nothing in it was passed over, so that no second reader can find
 * something there that this one did not see.
 */
function exactly<T extends object>(bytes: ArrayBuffer, type: new () => T, name: string): T {
  const value = AsnConvert.parse(bytes, type)
  if (!Buffer.from(AsnConvert.serialize(value)).equals(Buffer.from(bytes)))
    throw new Unreadable(`its ${name} is not DER`)
  return value
}

/** `SEQUENCE { BOOLEAN FALSE }`: a default written out, which is not DER, but what many issuers write. */
const isExplicitlyFalse = (bytes: ArrayBuffer): boolean => Buffer.from(bytes).toString('hex') === '3003010100'

function bitsOf(bytes: ArrayBuffer): ReadonlySet<KeyUsageBit> {
  const [first = 0] = new Uint8Array(exactly(bytes, KeyUsage, 'keyUsage').value)
  return new Set(KEY_USAGE_BITS.filter((_, place) => (first & (0x80 >> place)) !== 0))
}

const hexOf = (bytes: ArrayBuffer): string =>
  Buffer.from(bytes)
    .toString('hex')
    .toUpperCase()
    .replace(/^(?:00)+(?=..)/, '')

/** Whether the bytes are one SEQUENCE of definite length and nothing behind it: the parser would not look behind. */
export function isOneValue(der: Uint8Array): boolean {
  const [tag, first = 0] = der
  if (tag !== 0x30 || der.length < 2) return false
  if (first < 0x80) return der.length === 2 + first
  const count = first & 0x7f
  if (count === 0 || count > 3 || der.length < 2 + count) return false
  let length = 0
  for (const byte of der.subarray(2, 2 + count)) length = length * 256 + byte
  return der.length === 2 + count + length
}
