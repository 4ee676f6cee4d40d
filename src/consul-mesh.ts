import { randomUUID } from 'node:crypto'
import type { Config } from './config.ts'
import { ConsulEntries } from './control/consul-entries.ts'
import type { Authorizer } from './core/authorizer.ts'
import type { ConsulLink } from './core/consul.ts'
import type { MtlsMode } from './core/identity.ts'
import type { StateStore } from './core/plane.ts'
import type { Part } from './core/ports.ts'
import { DeferredIdentity } from './deferred-identity.ts'
import { DeferredIntentions } from './deferred-intentions.ts'
import { ConsulSource } from './discovery/consul.ts'
import { type Lookup, lookupOf } from './discovery/consul-lookup.ts'
import { ConsulRegistrar } from './discovery/consul-registrar.ts'
import { localAddressTowards } from './discovery/local-address.ts'
import { siblingId } from './identity/spiffe-id.ts'
import {
  firstCertificateMs,
  identityRoom,
  type LocalMtls,
  type MemberDeps,
  type MeshWords,
  metaOf,
} from './member-parts.ts'
import { LoopDelay } from './platform/loop-delay.ts'
import { packageVersion } from './platform/package-version.ts'
import type { BasePolicy } from './policy/base.ts'
import { type LookupParams, lookupPiece } from './policy/lookup.ts'
import { mtlsMode, mtlsPiece } from './policy/mtls.ts'
import type { ConsulHealth } from './report.ts'
import { SideBySide } from './side-by-side.ts'
import { policyPieces } from './stack.ts'

/** Consul in the place of a plane: addresses, registration and, where nobody else issues them, certificates. */
export interface ConsulMesh {
  readonly source: ConsulSource
  readonly registrar: ConsulRegistrar
  /** Undefined: there are certificates from files, or no TLS at all. */
  readonly identity: DeferredIdentity | undefined
  /** What intentions say of inbound calls; undefined: nobody here knows who calls. */
  readonly authorizer: Authorizer | undefined
  /** Consul's config entries, which stand below our own policy. */
  base(): BasePolicy
  /** Calls back when it has changed. */
  onBase(listener: () => void): () => void
  /** Started before the policy. */
  readonly parts: readonly Part[]
  health(): Omit<ConsulHealth, 'address' | 'policy'>
  /** A policy is in force. */
  replan(): void
}

/** What is settled before Consul is asked for anything. */
export interface ConsulFacts {
  /** Undefined: nothing is kept for the next start. */
  readonly store: StateStore | undefined
  /** Certificates that somebody else issues. */
  readonly files: DeferredIdentity | undefined
  readonly mtls: LocalMtls
  readonly mesh: MeshWords
}

/** Builds it; does no I/O. */
export function consulMesh(
  link: ConsulLink,
  config: Config,
  deps: MemberDeps,
  { store, files, mtls, mesh }: ConsulFacts,
): ConsulMesh {
  const { service } = config
  const plaintext = mtls.outbound === 'disable' && mtls.inbound === 'disable'
  const identity = files ?? (plaintext ? undefined : connectIdentity(link, config, deps, store))
  const delay = new LoopDelay()
  const registrar = registrarOf(link, config, deps, { mtls, mesh, delay })
  const source = new ConsulSource({
    ...deps,
    link,
    service,
    store,
    lookup: (name) => lookupIn(name, mtls, mesh),
    idOf: (parts) => (identity?.id === undefined ? undefined : siblingId(identity.id, parts)),
  })
  const entries = new ConsulEntries({ ...deps, link, service, pieces: policyPieces, store })
  // A listener may ask for TLS by itself, whatever the mode of the others.
  const intentions = plaintext
    ? undefined
    : new DeferredIntentions({
        ...deps,
        link,
        service,
        store,
        ...(config.intentionsDefault === '' ? {} : { defaultAllow: config.intentionsDefault === 'allow' }),
      })
  return {
    source,
    registrar,
    identity: files === undefined ? identity : undefined,
    authorizer: intentions,
    base: () => entries.base,
    onBase: (listener) => entries.onChange(listener),
    parts: [
      {
        name: 'event loop delay',
        start: async () => delay.start(),
        close: async () => delay.stop(),
      },
      new SideBySide(intentions === undefined ? [entries] : [entries, intentions]),
    ],
    health: () => ({
      endpoints: source.status(),
      registration: registrar.status(),
      intentions: intentions?.status(),
      entries: entries.status(),
    }),
    replan: () => source.replan(),
  }
}

function registrarOf(
  link: ConsulLink,
  config: Config,
  deps: MemberDeps,
  { mtls, mesh, delay }: Pick<ConsulFacts, 'mtls' | 'mesh'> & { readonly delay: LoopDelay },
): ConsulRegistrar {
  return new ConsulRegistrar({
    ...deps,
    link,
    instance: randomUUID(),
    service: config.service,
    release: packageVersion(),
    meta: metaOf(config),
    advertise: config.advertise || undefined,
    hasIdentity: mtls.inbound !== 'disable',
    inboundMtls: mtls.inbound,
    localAddress: () => localAddressTowards(link.address),
    check: config.consulCheck,
    ...(config.healthPort === '' ? {} : { healthPort: () => config.healthPort as number }),
    deregisterAfterMs: config.consulDeregisterAfterMs,
    loopDelay: () => delay.takeMs(),
    health: () =>
      mesh.state() === 'draining'
        ? { status: 'critical', output: 'draining' }
        : { status: 'passing', output: 'serving' },
  })
}

/** Where the instances of a service are looked for, as the policy in force has it. */
function lookupIn(name: string, { outbound, written }: LocalMtls, mesh: MeshWords): Lookup {
  const params = mesh.plan(name)?.params
  const mode = mtlsMode(params?.[mtlsPiece.key] as MtlsMode | undefined, outbound, written)
  return lookupOf(name, (params?.[lookupPiece.key] ?? {}) as Partial<LookupParams>, mode === 'strict')
}

function connectIdentity(
  link: ConsulLink,
  config: Config,
  deps: MemberDeps,
  store: StateStore | undefined,
): DeferredIdentity {
  const { service, stateKeys } = config
  return new DeferredIdentity(async () => {
    const { ConsulIdentitySource, MeshIdentity } = await identityRoom()
    const startWithinMs = firstCertificateMs(config)
    const source = new ConsulIdentitySource({ ...deps, service, link, store, stateKeys, startWithinMs })
    return new MeshIdentity({ ...deps, service, source })
  })
}
