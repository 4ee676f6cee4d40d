import { sha256Of } from '../identity/bundle.ts'
import { readCertificate } from '../identity/certificate.ts'
import type { RouteAuthority } from './api/parts.ts'
import type { Authority } from './authority/authority.ts'
import type { Issuance } from './authority/issuance.ts'
import type { Trust } from './authority/trust.ts'

/** The authority as the routes see it. */
export function routeAuthority(authority: Authority, issuance: Issuance, trust: Trust): RouteAuthority {
  return {
    trustDomain: authority.trustDomain,
    trust,
    issue: (caller, request) => issuance.svid(caller, request),
    describe: () => ({ ...authority.status(), roots: authority.roots.map(rootStatus) }),
    rotate: () => authority.rotate(),
    retire: (options) => authority.retire(options),
  }
}

/** The first root is the one that signs. */
function rootStatus(der: Uint8Array, index: number): object {
  const facts = readCertificate(der)
  const times = typeof facts === 'string' ? {} : { notBefore: facts.notBeforeMs, notAfter: facts.notAfterMs }
  return { sha256: sha256Of(der), ...times, active: index === 0 }
}
