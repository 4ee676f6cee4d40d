import { randomUUID } from 'node:crypto'
import type { Config } from './config.ts'
import { PlanePolicyFeed } from './control/plane-feed.ts'
import { HttpsPlaneLink } from './control/plane-link.ts'
import { isMeshError, MeshError } from './core/errors.ts'
import type { MtlsMode } from './core/identity.ts'
import type { StateStore } from './core/plane.ts'
import { readToken } from './core/plane-wire.ts'
import type { Clock, Logger, Random } from './core/ports.ts'
import { DeferredIdentity } from './deferred-identity.ts'
import { sources } from './discovery/index.ts'
import { localAddressTowards } from './discovery/local-address.ts'
import { LocalFirst } from './discovery/local-first.ts'
import { PlaneSource } from './discovery/plane.ts'
import { Registrar } from './discovery/registrar.ts'
import type { Source } from './discovery/source.ts'
import type { MeshIdentity } from './identity/mesh-identity.ts'
import { stateDirectory } from './platform/state-dir.ts'
import type { SourceDocument } from './policy/document.ts'
import type { Parsed } from './policy/parse.ts'

/** What the parts of a membership need of the world. */
export interface MemberDeps {
  readonly clock: Clock
  readonly wall: () => number
  readonly random: Random
  readonly log: Logger
}

/** How TLS is used, as the local configuration has it. */
export interface LocalMtls {
  readonly outbound: MtlsMode
  readonly inbound: MtlsMode
  /** Somebody wrote the outbound mode down: then policy may only be stricter. */
  readonly written: boolean
}

/** What connects a process to the others: identity, plane, registry. Of a mesh without a plane, little of it. */
export interface Member {
  readonly mtls: LocalMtls
  readonly identity: DeferredIdentity | undefined
  readonly source: Source
  /** The registry as a source, for health; undefined where addresses are static. */
  readonly registry: PlaneSource | undefined
  readonly registrar: Registrar | undefined
  readonly planes: readonly string[]
  /** The feed of the latest start, for health. */
  readonly followed: () => PlanePolicyFeed | undefined
  /** The policy of the plane; undefined where there is no plane. Asked at every start. */
  feed(parse: (source: SourceDocument) => Parsed): PlanePolicyFeed | undefined
  /** After everything else. */
  close(): Promise<void>
}

/**
 * Builds what the configuration asks for; does no I/O.
 * @throws {MeshError} TULLE_CONFIG where settings contradict each other
 */
export function memberOf(config: Config, deps: MemberDeps): Member {
  const token = config.joinToken || undefined
  const urls = config.planes.length > 0 ? config.planes : (readToken(token ?? '')?.urls ?? [])
  const store = config.stateDir ? stateDirectory(config.stateDir) : undefined
  const files = filesOf(config, deps)
  const plane = urls.length === 0 ? undefined : planeOf(config, deps, { urls, token, store, files })
  const identity = files ?? plane?.identity
  const mtls = mtlsOf(config, identity !== undefined)
  const local = sources.static!({ endpoints: config.endpoints })
  if (config.discovery === 'plane' && plane === undefined)
    throw mistake('TULLE_DISCOVERY=plane needs a plane: give TULLE_JOIN_TOKEN or TULLE_PLANE_URL')
  const registry = config.discovery === 'static' ? undefined : plane?.source
  let followed: PlanePolicyFeed | undefined
  return {
    mtls,
    identity,
    planes: urls,
    followed: () => followed,
    registry,
    source: registry === undefined ? local : new LocalFirst(local, registry),
    registrar: plane?.registrar,
    feed: (parse) => {
      followed = plane?.feed(parse)
      return followed
    },
    close: async () => plane?.close(),
  }
}

/** How long a start tries for the first certificate, in milliseconds. */
const MAX_FIRST_MS = 5000

interface PlaneMember {
  readonly identity: DeferredIdentity
  readonly source: PlaneSource
  readonly registrar: Registrar
  feed(parse: (source: SourceDocument) => Parsed): PlanePolicyFeed
  close(): Promise<void>
}

interface PlaneFacts {
  readonly urls: readonly string[]
  readonly token: string | undefined
  readonly store: StateStore | undefined
  /** Certificates of somebody else's, which the plane must believe as well. */
  readonly files: DeferredIdentity | undefined
}

function planeOf(config: Config, deps: MemberDeps, { urls, token, store, files }: PlaneFacts): PlaneMember {
  const { service, stateKeys, version, zone, weight, trustBundle } = config
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
      // Shorter than the start may take, so that its own reason is what is told.
      startWithinMs: Math.min(MAX_FIRST_MS, config.startTimeoutMs / 2),
    })
    return new room.MeshIdentity({ ...deps, service, source })
  }
  const identity = files ?? new DeferredIdentity(certificates)
  const meta = { weight, ...(version ? { version } : {}), ...(zone ? { zone } : {}) }
  const registrar = new Registrar({
    ...deps,
    link,
    instance,
    service,
    meta,
    advertise: config.advertise || undefined,
    hasIdentity: mtlsOf(config, true).inbound !== 'disable',
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

const identityRoom = (): Promise<typeof import('./identity/index.ts')> => import('./identity/index.ts')

/** Permissive without an identity is plaintext: a migration begins there. */
function mtlsOf({ mtls, inbound, origins }: Config, hasIdentity: boolean): LocalMtls {
  const written =
    mtls !== '' && origins.some(({ setting, source }) => setting.option === 'mtls' && source !== 'default')
  const outbound = mtls || (hasIdentity ? 'strict' : 'disable')
  const local = { outbound, inbound: inbound.mtls ?? outbound, written }
  if (hasIdentity) return local
  if (local.outbound === 'strict' || local.inbound === 'strict')
    throw mistake(
      'strict mutual TLS needs an identity: give TULLE_JOIN_TOKEN, or TULLE_CERT_FILE, TULLE_KEY_FILE and TULLE_TRUST_BUNDLE_FILE',
    )
  return { ...local, inbound: 'disable' }
}

function mistake(message: string): MeshError {
  return new MeshError('TULLE_CONFIG', message, { layer: 'config' })
}
