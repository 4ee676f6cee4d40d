import { X509Certificate } from 'node:crypto'
import { MeshError } from '../core/errors.ts'
import { stillRooted } from './rooted.ts'
import type { Credentials, Trust } from './source.ts'
import { outOfTime, readSvid, type Svid } from './svid.ts'

export interface OwnRules {
  readonly trust: Trust
  /** What the SVID must name; undefined: whatever it names, that are we. */
  readonly service?: string | undefined
  /** Wall-clock milliseconds. */
  readonly wallMs: number
}

/**
 * Judges a certificate that is to become our own, before it replaces a good one: an SVID by every rule, in its time, for
 * our key, our service, our trust domain, and with a chain that leads to the bundle.
 * @returns TULLE_IDENTITY with the first thing that is wrong. Never throws.
 */
export function judgeOwn({ chain, key }: Credentials, rules: OwnRules): Svid | MeshError {
  const [leaf] = chain
  if (leaf === undefined) return wrong('there is no certificate')
  const svid = readSvid(leaf)
  if (svid instanceof MeshError) return wrong(svid.message, svid)
  const { trust, service, wallMs } = rules
  const late = outOfTime(svid, wallMs)
  if (late !== undefined) return wrong(late.message, late)
  const certificate = opened(leaf)
  if (certificate === undefined) return wrong(`the certificate of ${svid.id} cannot be read by OpenSSL`)
  if (!certificate.checkPrivateKey(key)) return wrong(`the key is not that of ${svid.id}`)
  if (service !== undefined && svid.service !== service)
    return wrong(`it is ${svid.id}, and this is the service "${service}"`)
  if (svid.trustDomain !== trust.bundle.trustDomain)
    return wrong(`it is ${svid.id}, and the trust domain is ${trust.bundle.trustDomain}`)
  if (!stillRooted(chain, trust.bundle.roots, wallMs))
    return wrong(
      `the chain of ${svid.id} leads to none of the ${trust.bundle.roots.length} roots of the bundle`,
    )
  return svid
}

/** Undefined: our parser found everything it looks for, and OpenSSL something that it cannot read. */
function opened(der: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(der)
  } catch {
    return undefined
  }
}

function wrong(why: string, cause?: MeshError): MeshError {
  return new MeshError('TULLE_IDENTITY', `a certificate for ourselves is not taken: ${why}`, {
    layer: 'identity',
    cause,
    hint: cause?.hint,
  })
}
