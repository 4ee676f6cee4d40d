import { type Config, hasIdentity, localMtls } from './config.ts'
import type { PlanePolicyFeed } from './control/plane-feed.ts'
import { readToken } from './core/plane-wire.ts'
import { DeferredIdentity } from './deferred-identity.ts'
import { sources } from './discovery/index.ts'
import { LocalFirst } from './discovery/local-first.ts'
import type { PlaneSource } from './discovery/plane.ts'
import type { Registration } from './discovery/registration.ts'
import type { Source } from './discovery/source.ts'
import { type ConsulMember, consulMember } from './member-consul.ts'
import {
  identityRoom,
  type LocalMtls,
  type MemberDeps,
  type MeshWords,
  mistake,
  type ParsePolicy,
} from './member-parts.ts'
import { planeMember } from './member-plane.ts'
import { stateDirectory } from './platform/state-dir.ts'

/** What connects a process to the others: identity, plane or Consul, registry. Of a mesh without either, little of it. */
export interface Member {
  readonly mtls: LocalMtls
  readonly identity: DeferredIdentity | undefined
  readonly source: Source
  /** The registry of the plane as a source, for health; undefined where addresses are from elsewhere. */
  readonly registry: PlaneSource | undefined
  readonly registrar: Registration | undefined
  readonly planes: readonly string[]
  readonly consul: ConsulMember | undefined
  /** The feed of the latest start, for health. */
  readonly followed: () => PlanePolicyFeed | undefined
  /** The policy of the plane; undefined where there is no plane. Asked at every start. */
  feed(parse: ParsePolicy): PlanePolicyFeed | undefined
  /** After everything else. */
  close(): Promise<void>
}

/**
 * Builds what the configuration asks for; does no I/O.
 * @param mesh what the parts ask of the mesh while it runs
 * @throws {MeshError} TULLE_CONFIG where settings contradict each other
 */
export function memberOf(config: Config, deps: MemberDeps, mesh: MeshWords): Member {
  const token = config.joinToken || undefined
  const urls = config.planes.length > 0 ? config.planes : (readToken(token ?? '')?.urls ?? [])
  const store = config.stateDir ? stateDirectory(config.stateDir) : undefined
  const files = filesOf(config, deps)
  const onConsul = config.discovery === 'consul'
  if (onConsul && token !== undefined)
    throw mistake(
      'TULLE_DISCOVERY=consul takes its identity from Connect, and TULLE_JOIN_TOKEN is for one from a plane: give one of them',
    )
  const mtls = mtlsOf(config, hasIdentity(config))
  const consul = consulMember(config, deps, { store, files, mtls, mesh })
  const plane =
    urls.length === 0
      ? undefined
      : planeMember(config, deps, {
          urls,
          token,
          store,
          others: files ?? consul?.mesh?.identity,
          hasIdentity: mtls.inbound !== 'disable',
        })
  if (config.discovery === 'plane' && plane === undefined)
    throw mistake('TULLE_DISCOVERY=plane needs a plane: give TULLE_JOIN_TOKEN or TULLE_PLANE_URL')
  const local = sources.static!({ endpoints: config.endpoints })
  const registry = onConsul || config.discovery === 'static' ? undefined : plane?.source
  const lists = consul?.mesh?.source ?? registry
  let followed: PlanePolicyFeed | undefined
  return {
    mtls,
    identity: files ?? (onConsul ? consul?.mesh?.identity : plane?.identity),
    planes: urls,
    followed: () => followed,
    registry,
    source: lists === undefined ? local : new LocalFirst(local, lists),
    registrar: onConsul ? consul?.mesh?.registrar : plane?.registrar,
    consul,
    feed: (parse) => {
      followed = plane?.feed(parse)
      return followed
    },
    close: async () => {
      await plane?.close()
      await consul?.close()
    },
  }
}

/** Certificates that somebody else issues and renews: a Kubernetes secret, a cert-manager volume. */
function filesOf(config: Config, deps: MemberDeps): DeferredIdentity | undefined {
  const { certFile, keyFile, service } = config
  if (!certFile && !keyFile) return undefined
  const bundleFile = config.origins.find(({ setting }) => setting.option === 'trustBundle')?.file
  if (!certFile || !keyFile || bundleFile === undefined)
    throw mistake(
      'certificates from files are three: TULLE_CERT_FILE, TULLE_KEY_FILE and TULLE_TRUST_BUNDLE_FILE',
    )
  return new DeferredIdentity(async () => {
    const { FileSource, MeshIdentity } = await identityRoom()
    return new MeshIdentity({
      ...deps,
      service,
      source: new FileSource({ ...deps, certFile, keyFile, bundleFile }),
    })
  })
}

/** Permissive without an identity is plaintext: a migration begins there. */
function mtlsOf(config: Config, identity: boolean): LocalMtls {
  const local = localMtls(config, identity)
  if (identity) return local
  if (local.outbound === 'strict' || local.inbound === 'strict')
    throw mistake(
      'strict mutual TLS needs an identity: give TULLE_JOIN_TOKEN, or TULLE_CERT_FILE, TULLE_KEY_FILE and TULLE_TRUST_BUNDLE_FILE, or TULLE_DISCOVERY=consul',
    )
  return { ...local, inbound: 'disable' }
}
