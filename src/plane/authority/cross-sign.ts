import { randomBytes, sign } from 'node:crypto'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import {
  AuthorityKeyIdentifier,
  Certificate,
  Extension,
  Extensions,
  id_ce_authorityKeyIdentifier,
  KeyIdentifier,
  Name,
  TBSCertificate,
  Time,
} from '@peculiar/asn1-x509'
import { signatureOf } from '../../identity/x509.ts'
import { factsOf, type SigningCa } from './ca.ts'

/**
 * A root once more, signed by another: its name, key, key identifier and limits as they are, so that whoever believes
 * only the other root finds a way from every leaf of this one. Ends when the first of the two does. @returns DER.
 */
export function crossSign(root: Uint8Array, by: SigningCa): Uint8Array {
  const above = factsOf(by.chain[0]!)
  const { algorithm, hash } = signatureOf(by.key)
  const tbs = new TBSCertificate({ ...AsnConvert.parse(root, Certificate).tbsCertificate })
  const serial = randomBytes(16)
  // Positive and never short, whatever the random bits are (RFC 5280, 4.1.2.2).
  serial[0] = (serial[0]! & 0x3f) | 0x40
  tbs.serialNumber = Uint8Array.from(serial).buffer
  tbs.signature = algorithm
  tbs.issuer = AsnConvert.parse(above.subject, Name)
  tbs.validity.notAfter = new Time(Math.min(above.notAfterMs, factsOf(root).notAfterMs))
  tbs.extensions = new Extensions([
    ...[...(tbs.extensions ?? [])].filter(({ extnID }) => extnID !== id_ce_authorityKeyIdentifier),
    ...(above.subjectKeyId === undefined ? [] : [authorityKeyId(above.subjectKeyId)]),
  ])
  const signature = sign(hash, Buffer.from(AsnConvert.serialize(tbs)), { key: by.key, dsaEncoding: 'der' })
  const whole = new Certificate({
    tbsCertificate: tbs,
    signatureAlgorithm: algorithm,
    signatureValue: Uint8Array.from(signature).buffer,
  })
  return new Uint8Array(AsnConvert.serialize(whole))
}

function authorityKeyId(keyId: Uint8Array): Extension {
  const keyIdentifier = new KeyIdentifier(keyId)
  return new Extension({
    extnID: id_ce_authorityKeyIdentifier,
    critical: false,
    extnValue: new OctetString(AsnConvert.serialize(new AuthorityKeyIdentifier({ keyIdentifier }))),
  })
}
