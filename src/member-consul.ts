import { randomUUID } from 'node:crypto'
import type { Config } from './config.ts'
import { agentOf } from './control/agent-of.ts'
import { ConsulEntries } from './control/consul-entries.ts'
import { HttpConsulLink } from './control/consul-link.ts'
import { ConsulPolicyFeed } from './control/consul-policy-feed.ts'
import { type PolicyKey, policyKey } from './control/consul-policy-key.ts'
import type { Authorizer } from './core/authorizer.ts'
import type { ConsulLink } from './core/consul.ts'
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
  identityRoom,
  type LocalMtls,
  type MemberDeps,
  type MeshWords,
  type ParsePolicy,
} from './member-parts.ts'
import { LoopDelay } from './platform/loop-delay.ts'
import { packageVersion } from './platform/package-version.ts'
import type { BasePolicy } from './policy/base.ts'
import { type LookupParams, lookupPiece } from './policy/lookup.ts'
import { mtlsMode, mtlsPiece } from './policy/mtls.ts'
import type { ConsulHealth } from './report.ts'
import { policyPieces } from './stack.ts'

/** How long a start tries for the first certificate, in milliseconds. */
const MAX_FIRST_MS = 5000

/** What a process has of Consul. */
export interface ConsulMember {
  /** Undefined where only the policy is from Consul. */
  readonly mesh: ConsulMesh | undefined
  /** Of the latest start. Undefined: the policy is from somewhere else. */
  policyFeed(parse: ParsePolicy): ConsulPolicyFeed | undefined
  health(): ConsulHealth
  close(): Promise<void>
}

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

interface ConsulFacts {
  readonly store: StateStore | undefined
  readonly files: DeferredIdentity | undefined
  readonly mtls: LocalMtls
  readonly mesh: MeshWords
}

/** Undefined where neither addresses nor the policy are from Consul. Throws TULLE_CONFIG where settings contradict each other. */
export function consulMember(config: Config, deps: MemberDeps, facts: ConsulFacts): ConsulMember | undefined {
  const from = policyIn(config)
  if (config.discovery !== 'consul' && from === undefined) return undefined
  const link = new HttpConsulLink({ ...deps, ...agentOf(config) })
  const mesh = config.discovery === 'consul' ? meshOn(link, config, deps, facts) : undefined
  const { store } = facts
  let policy: ConsulPolicyFeed | undefined
  return {
    mesh,
    policyFeed: (parse) => {
      policy = from && new ConsulPolicyFeed({ ...deps, link, from, parse, store })
      return policy
    },
    health: () => ({
      address: link.address,
      policy: policy?.status(),
      ...mesh?.health(),
    }),
    close: () => link.close(),
  }
}

function meshOn(
  link: ConsulLink,
  config: Config,
  deps: MemberDeps,
  { store, files, mtls, mesh }: ConsulFacts,
): ConsulMesh {
  const { service, version, zone, weight } = config
  const plaintext = mtls.outbound === 'disable' && mtls.inbound === 'disable'
  const identity = files ?? (plaintext ? undefined : connectIdentity(link, config, deps, store))
  const delay = new LoopDelay()
  const registrar = new ConsulRegistrar({
    ...deps,
    link,
    instance: randomUUID(),
    service,
    release: packageVersion(),
    meta: { weight, ...(version ? { version } : {}), ...(zone ? { zone } : {}) },
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
  const lookup = (name: string): Lookup => {
    const params = mesh.plan(name)?.params
    const mode = mtlsMode(
      params?.[mtlsPiece.key] as ReturnType<typeof mtlsMode> | undefined,
      mtls.outbound,
      mtls.written,
    )
    return lookupOf(name, (params?.[lookupPiece.key] ?? {}) as Partial<LookupParams>, mode === 'strict')
  }
  const source = new ConsulSource({
    ...deps,
    link,
    service,
    store,
    lookup,
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
      entries,
      ...(intentions === undefined ? [] : [intentions]),
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

function connectIdentity(
  link: ConsulLink,
  config: Config,
  deps: MemberDeps,
  store: StateStore | undefined,
): DeferredIdentity {
  const { service, stateKeys, startTimeoutMs } = config
  return new DeferredIdentity(async () => {
    const { ConsulIdentitySource, MeshIdentity } = await identityRoom()
    // Shorter than the start may take, so that its own reason is what is told.
    const startWithinMs = Math.min(MAX_FIRST_MS, startTimeoutMs / 2)
    const source = new ConsulIdentitySource({ ...deps, service, link, store, stateKeys, startWithinMs })
    return new MeshIdentity({ ...deps, service, source })
  })
}

function policyIn({ policy }: Config): PolicyKey | undefined {
  return typeof policy === 'string' ? policyKey(policy) : undefined
}
