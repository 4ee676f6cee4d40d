import { MeshError } from '../core/errors.ts'
import type { VerifiedPeer } from '../core/identity.ts'
import { knownSvid } from './known-svids.ts'
import { outOfTime } from './svid.ts'

export interface JudgeRules {
  /** Our own: the only one whose SVIDs our roots speak for. */
  readonly trustDomain: string
  /** SPIFFE IDs that are banned. */
  readonly denied: ReadonlySet<string>
  /** Wall-clock milliseconds. */
  readonly wallMs: number
  /** The SPIFFE ID that was meant; undefined: any of the trust domain. It is compared, and never taken from the peer. */
  readonly expected?: string | undefined
}

/**
 * Judges a peer whose chain TLS has verified; alone it proves nothing, for it looks at no signature.
 * @param chain DER, leaf first
 * @returns TULLE_PEER, with the first rule that was broken. Never throws.
 */
export function judge(chain: readonly Uint8Array[], rules: JudgeRules): VerifiedPeer | MeshError {
  const [leaf] = chain
  if (leaf === undefined)
    return refuse(
      'The peer showed no certificate.',
      'It must be a member of the mesh: started with an identity.',
    )
  const svid = knownSvid(leaf)
  if (svid instanceof MeshError) return svid
  const refusal = outOfTime(svid, rules.wallMs) ?? unwanted(svid.id, svid.trustDomain, rules)
  if (refusal !== undefined) return refusal
  const { id, service, serial, notAfterMs } = svid
  return Object.freeze({ id, service, serial, notAfterMs, chain: Object.freeze([...chain]) })
}

function unwanted(id: string, trustDomain: string, rules: JudgeRules): MeshError | undefined {
  if (trustDomain !== rules.trustDomain)
    return refuse(
      `The peer is ${id}, of another trust domain than ours (${rules.trustDomain}).`,
      'Environments have trust domains of their own on purpose: is the address of another environment in use?',
    )
  if (rules.denied.has(id))
    return refuse(`The peer ${id} is banned.`, 'Whoever banned it can lift that: `tulle identity unban`.')
  if (rules.expected !== undefined && id !== rules.expected)
    return refuse(
      `The peer is ${id}, where ${rules.expected} was meant.`,
      'The endpoint belongs to another service: look at what registered that address.',
    )
  return undefined
}

function refuse(message: string, hint: string): MeshError {
  return new MeshError('TULLE_PEER', message, { layer: 'identity', hint })
}
