import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import {
  AuthorityKeyIdentifier,
  BasicConstraints,
  ExtendedKeyUsage,
  Extension,
  GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_nameConstraints,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  KeyIdentifier,
  KeyUsage,
  NameConstraints,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
} from '@peculiar/asn1-x509'
import { KEY_USAGE_BITS, type KeyUsageBit } from './certificate.ts'

/** What a certificate may say besides its subject, key and time (RFC 5280, 4.2). */
export interface ExtensionContent {
  readonly isCa: boolean
  /** Of CA certificates: how many CA certificates may stand below. */
  readonly pathLength?: number | undefined
  /** Empty: no key usage at all. */
  readonly keyUsage: readonly KeyUsageBit[]
  readonly keyUsageCritical?: boolean | undefined
  /** Object identifiers; undefined or empty: no extended key usage. */
  readonly extendedKeyUsage?: readonly string[] | undefined
  readonly names?: AlternativeNames | undefined
  /** Default: where the subject is empty, as RFC 5280 demands. */
  readonly namesCritical?: boolean | undefined
  /** Of CA certificates: the hosts of URIs (`.example.org`: all below), and DNS names, that may stand below. */
  readonly permitted?: AlternativeNames | undefined
}

export interface AlternativeNames {
  readonly uris?: readonly string[] | undefined
  readonly dns?: readonly string[] | undefined
  readonly ips?: readonly string[] | undefined
  readonly emails?: readonly string[] | undefined
}

/** What follows from keys and subject. */
interface Derived {
  readonly subjectKeyId: Uint8Array
  readonly authorityKeyId: Uint8Array
  readonly subjectEmpty: boolean
}

export function extensionsOf(content: ExtensionContent, derived: Derived): Extension[] {
  const { isCa, pathLength, keyUsage, extendedKeyUsage = [], names, permitted } = content
  const basic = new BasicConstraints({ cA: isCa })
  if (pathLength !== undefined) basic.pathLenConstraint = pathLength
  const found = [extension(id_ce_basicConstraints, true, basic)]
  if (keyUsage.length > 0)
    found.push(extension(id_ce_keyUsage, content.keyUsageCritical ?? true, new KeyUsage(bitsOf(keyUsage))))
  if (extendedKeyUsage.length > 0)
    found.push(extension(id_ce_extKeyUsage, false, new ExtendedKeyUsage([...extendedKeyUsage])))
  const general = generalNames(names ?? {})
  if (general.length > 0) found.push(subjectAltName(general, content.namesCritical ?? derived.subjectEmpty))
  if (permitted !== undefined) {
    const subtrees = generalNames(permitted).map((base) => new GeneralSubtree({ base, minimum: 0 }))
    const constraints = new NameConstraints({ permittedSubtrees: new GeneralSubtrees(subtrees) })
    found.push(extension(id_ce_nameConstraints, true, constraints))
  }
  const keyIdentifier = new KeyIdentifier(derived.authorityKeyId)
  return [
    ...found,
    extension(id_ce_subjectKeyIdentifier, false, new SubjectKeyIdentifier(derived.subjectKeyId)),
    extension(id_ce_authorityKeyIdentifier, false, new AuthorityKeyIdentifier({ keyIdentifier })),
  ]
}

/** Also what a CSR asks for. */
export function alternativeNames(names: AlternativeNames, critical: boolean): Extension {
  return subjectAltName(generalNames(names), critical)
}

function subjectAltName(names: GeneralName[], critical: boolean): Extension {
  return extension(id_ce_subjectAltName, critical, new SubjectAlternativeName(names))
}

function generalNames({ uris = [], dns = [], ips = [], emails = [] }: AlternativeNames): GeneralName[] {
  return [
    ...dns.map((dNSName) => new GeneralName({ dNSName })),
    ...ips.map((iPAddress) => new GeneralName({ iPAddress })),
    ...emails.map((rfc822Name) => new GeneralName({ rfc822Name })),
    ...uris.map((uniformResourceIdentifier) => new GeneralName({ uniformResourceIdentifier })),
  ]
}

function extension(extnID: string, critical: boolean, value: object): Extension {
  return new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) })
}

const bitsOf = (bits: readonly KeyUsageBit[]): number =>
  bits.reduce((sum, bit) => sum | (1 << KEY_USAGE_BITS.indexOf(bit)), 0)
