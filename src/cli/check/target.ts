import type { Config } from '../../config.ts'
import { readToken } from '../../core/plane-wire.ts'
import { readBundle, rootsPem } from '../../identity/bundle.ts'
import { readCertificate } from '../../identity/certificate.ts'
import { certificatesOf } from '../../identity/pem.ts'
import { parseSpiffeId } from '../../identity/spiffe-id.ts'
import type { LinkTarget } from '../world.ts'
import type { KeptState } from './kept.ts'

/**
 * Where the planes are and what they must prove themselves by: the bundle that is kept or configured, else the pin of
 * the join token. Undefined: no plane is configured.
 */
export function planeTarget(
  config: Pick<Config, 'planes' | 'joinToken' | 'trustBundle'>,
  kept: KeptState,
  identity: LinkTarget['identity'],
): LinkTarget | undefined {
  const token = config.joinToken || undefined
  const content = token === undefined ? undefined : readToken(token)
  const urls = config.planes.length > 0 ? config.planes : (content?.urls ?? [])
  if (urls.length === 0) return undefined
  const bundle = config.trustBundle || undefined
  const trustDomain = kept.trust?.trust.trustDomain ?? content?.trustDomain ?? domainIn(bundle)
  const configured =
    bundle === undefined || trustDomain === undefined ? undefined : readBundle(bundle, trustDomain)
  const known = kept.roots.length > 0 ? { roots: kept.roots } : configured
  const roots = known !== undefined && 'roots' in known ? rootsPem(known) : undefined
  return { urls, token, trustDomain, roots, identity }
}

/** Roots may name their trust domain; in a JWKS it is not looked for. */
function domainIn(pem: string | undefined): string | undefined {
  for (const der of certificatesOf(pem ?? '')) {
    const facts = readCertificate(der)
    const id =
      typeof facts === 'string' || facts.uris[0] === undefined ? undefined : parseSpiffeId(facts.uris[0])
    if (typeof id === 'object') return id.trustDomain
  }
  return undefined
}
