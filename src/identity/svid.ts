import { id_kp_clientAuth, id_kp_serverAuth } from '@peculiar/asn1-x509'
import { MeshError } from '../core/errors.ts'
import { type CertificateFacts, readCertificate } from './certificate.ts'
import { parseSpiffeId, serviceOf } from './spiffe-id.ts'
import { instantOf, spanOf } from './time-text.ts'

/** A leaf certificate that keeps every rule of SPIFFE's X509-SVID; who signed it is not known here. */
export interface Svid {
  readonly id: string
  readonly trustDomain: string
  /** The last segment of `/ns/…/dc/…/svc/<name>`; undefined where the path has another shape. */
  readonly service: string | undefined
  /** Upper-case hexadecimal. */
  readonly serial: string
  /** Wall-clock milliseconds. */
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** DER of the SubjectPublicKeyInfo. */
  readonly spki: Uint8Array
}

/**
 * Reads a leaf by the rules for validators (X509-SVID.md, sections 2–5), from the DER. `X509Certificate` of Node cannot:
 * its `keyUsage` holds the extended ones, and its `subjectAltName` is a text that one name can forge another in.
 * @returns TULLE_PEER, with the rule that was broken. Never throws.
 */
export function readSvid(der: Uint8Array): Svid | MeshError {
  const facts = readCertificate(der)
  if (typeof facts === 'string') return wrong(`The certificate cannot be read: ${facts}.`)
  const [uri, ...more] = facts.uris
  if (uri === undefined)
    return wrong(`The certificate ${facts.serial} has no URI name, so it is nobody's SVID.`)
  if (more.length > 0)
    return wrong(
      `The certificate ${facts.serial} has ${facts.uris.length} URI names; an SVID has exactly one.`,
    )
  const id = parseSpiffeId(uri)
  if (typeof id === 'string')
    return wrong(`The certificate ${facts.serial} names ${JSON.stringify(uri.slice(0, 300))}: ${id}.`)
  const broken =
    brokenRule(facts) ?? (id.segments.length === 0 ? 'names a trust domain, not a service' : undefined)
  if (broken !== undefined) return wrong(`The certificate of ${id.text} ${broken}.`)
  return {
    id: id.text,
    trustDomain: id.trustDomain,
    service: serviceOf(id.text),
    serial: facts.serial,
    notBeforeMs: facts.notBeforeMs,
    notAfterMs: facts.notAfterMs,
    spki: facts.spki,
  }
}

function brokenRule(facts: CertificateFacts): string | undefined {
  const { isCa, keyUsage, extendedKeyUsage, subjectEmpty, sanCritical } = facts
  if (isCa) return 'is a CA certificate; such a one cannot be a peer'
  if (keyUsage === undefined) return 'has no key usage'
  if (!keyUsage.critical) return 'has a key usage that is not critical'
  if (keyUsage.bits.has('keyCertSign')) return 'may sign certificates (key usage keyCertSign)'
  if (keyUsage.bits.has('cRLSign')) return 'may sign revocation lists (key usage cRLSign)'
  if (!keyUsage.bits.has('digitalSignature')) return 'may not sign (key usage without digitalSignature)'
  if (extendedKeyUsage?.includes(id_kp_serverAuth) === false)
    return 'is not for servers (extended key usage without serverAuth)'
  if (extendedKeyUsage?.includes(id_kp_clientAuth) === false)
    return 'is not for clients (extended key usage without clientAuth)'
  if (subjectEmpty && sanCritical === false)
    return 'has an empty subject and an alternative name that is not critical'
  return undefined
}

/** Expired, or not yet valid: TULLE_PEER, with both times and the advice to compare clocks. */
export function outOfTime(
  svid: Pick<Svid, 'id' | 'notBeforeMs' | 'notAfterMs'>,
  wallMs: number,
): MeshError | undefined {
  const { id, notBeforeMs, notAfterMs } = svid
  const clock = `our clock says ${instantOf(wallMs)}`
  const hint = 'Compare the clocks of both machines.'
  if (wallMs < notBeforeMs)
    return wrong(
      `The certificate of ${id} is not yet valid: it begins at ${instantOf(notBeforeMs)}, and ${clock}, ${spanOf(notBeforeMs - wallMs)} before.`,
      hint,
    )
  if (wallMs > notAfterMs)
    return wrong(
      `The certificate of ${id} has expired: it ended at ${instantOf(notAfterMs)}, and ${clock}, ${spanOf(wallMs - notAfterMs)} after.`,
      `${hint} If they agree, the other side could not renew its certificate; \`tulle check\` there says why.`,
    )
  return undefined
}

function wrong(message: string, hint?: string): MeshError {
  return new MeshError('TULLE_PEER', message, { layer: 'identity', hint })
}
