import { randomUUID } from 'node:crypto'
import type { Config } from './config.ts'
import { PlanePolicyFeed } from './control/plane-feed.ts'
import { HttpsPlaneLink } from './control/plane-link.ts'
import { isMeshError } from './core/errors.ts'
import type { StateStore } from './core/plane.ts'
import { readToken } from './core/plane-wire.ts'
import { DeferredIdentity } from './deferred-identity.ts'
import { localAddressTowards } from './discovery/local-address.ts'
import { PlaneSource } from './discovery/plane.ts'
import { Registrar } from './discovery/registrar.ts'
import type { MeshIdentity } from './identity/mesh-identity.ts'
import {
  firstCertificateMs,
  identityRoom,
  type MemberDeps,
  metaOf,
  mistake,
  type ParsePolicy,
} from './member-parts.ts'

export interface PlaneMember {
  readonly identity: DeferredIdentity
  readonly source: PlaneSource
  readonly registrar: Registrar
  feed(parse: ParsePolicy): PlanePolicyFeed
  close(): Promise<void>
}

interface PlaneFacts {
  readonly urls: readonly string[]
  readonly token: string | undefined
  readonly store: StateStore | undefined
  /** Certificates of somebody else's, which the plane must believe as well. */
  readonly others: DeferredIdentity | undefined
  readonly hasIdentity: boolean
}

/** A plane: policy, registry and, where nobody else issues them, certificates. */
export function planeMember(
  config: Config,
  deps: MemberDeps,
  { urls, token, store, others, hasIdentity }: PlaneFacts,
): PlaneMember {
  const { service, stateKeys, trustBundle } = config
  const instance = randomUUID()
  const trustDomain = readToken(token ?? '')?.trustDomain
  let configured: readonly string[] | undefined
  const link: HttpsPlaneLink = new HttpsPlaneLink({
    ...deps,
    urls,
    token,
    roots: () => identity.roots ?? configured,
    trustDomain: () => identity.trustDomain ?? trustDomain,
    identity: {
      get current() {
        return identity.current
      },
      refusal: () => identity.refusal(),
      onChange: (listener) => identity.onChange(listener),
    },
    verifyPlane: (chain, domain) => identity.verifyPlane(chain, domain, deps.wall()),
  })
  const certificates = async (): Promise<MeshIdentity> => {
    const room = await identityRoom()
    if (trustBundle && trustDomain !== undefined) {
      const bundle = room.readBundle(trustBundle, trustDomain)
      if (isMeshError(bundle)) throw mistake(`TULLE_TRUST_BUNDLE: ${bundle.message}`)
      configured = room.rootsPem(bundle)
    }
    const source = new room.PlaneSource({
      ...deps,
      service,
      link,
      token,
      trustDomain,
      store,
      stateKeys,
      startWithinMs: firstCertificateMs(config),
    })
    return new room.MeshIdentity({ ...deps, service, source })
  }
  const identity = others ?? new DeferredIdentity(certificates)
  const registrar = new Registrar({
    ...deps,
    link,
    instance,
    service,
    meta: metaOf(config),
    advertise: config.advertise || undefined,
    hasIdentity,
    localAddress: () => localAddressTowards(urls[0] as string),
  })
  return {
    identity,
    source: new PlaneSource({ ...deps, link, store }),
    registrar,
    feed: (parse) => new PlanePolicyFeed({ ...deps, link, parse, store, instance, service }),
    close: () => link.close(),
  }
}
