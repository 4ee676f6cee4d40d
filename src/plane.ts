import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { readDocument } from './control/document.ts'
import { MeshError } from './core/errors.ts'
import type { Logger } from './core/ports.ts'
import { servicesOf } from './plane/api/registry-routes.ts'
import { keepText } from './plane/disk.ts'
import { type EveryPlane, type EveryPlaneOptions, embedded } from './plane/embedded.ts'
import { advertised, DEFAULT_PORT, listen, urlOf } from './plane/listening.ts'
import { type OpenedPlane, openPlane } from './plane/open.ts'
import { systemClock, systemWall } from './platform/clock.ts'
import { packageVersion } from './platform/package-version.ts'
import { systemRandom } from './platform/random.ts'
import { LOCAL_NAMES } from './policy/hosts.ts'
import { createLogger } from './telemetry/log.ts'

export { type ConsulPlane, type ConsulPlaneOptions, startConsulPlane } from './consul-plane.ts'
export type { ConsulAgentOptions } from './control/consul-agent.ts'
export type { EveryPlane, EveryPlaneOptions } from './plane/embedded.ts'
export type { Push, Pushed } from './plane/policies.ts'
export { PolicyRefusal } from './plane/policy-refusal.ts'
export { Refusal, type RefusalKind } from './plane/refusal.ts'
export type { Subscriber } from './plane/subscribers.ts'
export type { Problem } from './policy/problem.ts'

/** How a plane is run. */
export interface PlaneOptions extends EveryPlaneOptions {
  /** Where its state is, made (0700) at the first start; one plane at a time. Default: a temporary one, removed at close. */
  readonly dir?: string | undefined
  /** Default 7400; without `dir`, or with `dev`, any free one. */
  readonly port?: number | undefined
  /** The address it listens on; default all of them; without `dir`, or with `dev`, 127.0.0.1. */
  readonly host?: string | undefined
  /** Host names or addresses that tokens name; clients begin with any of them. Default this machine's name and 127.0.0.1, or `host`. */
  readonly advertise?: readonly string[] | undefined
  /** For trying out: state, and with it the CA, is thrown away at close (`dir` is not used); tokens for any service. */
  readonly dev?: boolean | undefined
  /** The trust domain of the first start; default a made-up one. Give every environment its own. */
  readonly trustDomain?: string | undefined
  /** The data centre in every SPIFFE ID; default `dc1`, as Consul's. */
  readonly dc?: string | undefined
  /** PEM: your own root, or an intermediate with its chain, the root last. With `caKey`. */
  readonly caCert?: string | undefined
  /** PEM: the key of the first certificate of `caCert`. It is never stored. */
  readonly caKey?: string | undefined
  /** The same two as files. */
  readonly caCertFile?: string | undefined
  readonly caKeyFile?: string | undefined
  /** How long an SVID lives, in milliseconds; default 24 h. */
  readonly svidTtlMs?: number | undefined
  /** Makes a new admin token; the old one is over. Default false. */
  readonly newAdminToken?: boolean | undefined
  /** How long an instance is believed without a heartbeat, in milliseconds; default 10,000. */
  readonly instanceTtlMs?: number | undefined
  /** Default: one line per entry on standard error, from `warn` up. */
  readonly logger?: Logger | undefined
}

/** A running plane of its own: registry, policy and certificate authority. */
export interface Plane extends EveryPlane {
  /** Where tokens say it is reached. */
  readonly urls: readonly string[]
  readonly dir: string
  readonly trustDomain: string
  /** Of the root that signs, lower-case hexadecimal. */
  readonly rootSha256: string
  /** The roots as a SPIFFE bundle (JWKS), for `trustBundle` and TULLE_TRUST_BUNDLE. */
  readonly bundle: string
  /** Where the admin token was written, mode 0600, at the first start. */
  readonly adminTokenFile: string
  /** The admin token where it was made by this start; afterwards nobody but its file knows it. */
  readonly adminToken: string | undefined
  /**
   * A join token for one service (`*` for any, in a plane without `dir` or with `dev`).
   * @param options.expiresInMs default never
   * @param options.uses how many processes may join with it; default any number
   */
  createToken(
    service: string,
    options?: { readonly expiresInMs?: number | undefined; readonly uses?: number | undefined },
  ): string
  /** A join token for any service, of a plane for trying out. */
  devToken(): Promise<string>
  ban(service: string, reason?: string): Promise<void>
  unban(service: string): Promise<void>
  /** A new root signs from now on; the old one stays trusted until `retire`. */
  rotate(): Promise<void>
  /** The old root is trusted no more. @throws Refusal (409) while its leaves may live, unless forced */
  retire(options?: { readonly force?: boolean | undefined }): Promise<void>
  /** Endpoints by service, each with how many instances hold it. */
  services(): Record<string, object[]>
}

/**
 * Starts the plane: registry, policy and certificate authority of one mesh, over HTTPS.
 *
 * Rejects with TULLE_CONFIG for options that mean nothing or do not fit the state, TULLE_STATE where the directory cannot
 * be used or another process has it, TULLE_START where the port cannot be listened on. Nothing is left open then.
 */
export async function startPlane(options: PlaneOptions = {}): Promise<Plane> {
  const throwAway = options.dir === undefined || options.dev === true
  const dir = throwAway ? await mkdtemp(join(tmpdir(), 'tulle-plane-')) : resolve(options.dir as string)
  const discard = async (): Promise<void> => {
    if (throwAway) await rm(dir, { recursive: true, force: true })
  }
  let opened: OpenedPlane | undefined
  let port = 0
  const host = options.host ?? (throwAway ? '127.0.0.1' : undefined)
  const urls = (): string[] => advertised(options.advertise, host).map((name) => urlOf(name, port))
  try {
    opened = await openPlane({
      directory: dir,
      clock: options.clock ?? systemClock,
      wall: options.wall ?? systemWall,
      random: options.random ?? systemRandom,
      log: createLogger(options.logger === undefined ? 'warn' : 'debug', options.logger),
      readYaml: readDocument,
      dev: throwAway,
      trustDomain: options.trustDomain,
      dc: options.dc,
      brought: await broughtCa(options),
      svidTtlMs: options.svidTtlMs,
      admins: options.admins ?? [],
      policyHosts: options.policyHosts ?? LOCAL_NAMES,
      instanceTtlMs: options.instanceTtlMs,
      keepVersions: options.keepVersions,
      maxConnections: options.maxConnections,
      version: packageVersion(),
      urls,
    })
    port = await listen(opened.server.app, options.port ?? (throwAway ? 0 : DEFAULT_PORT), host)
    const adminTokenFile = join(dir, 'admin-token')
    const adminToken = await makeAdminToken(opened, urls(), adminTokenFile, options.newAdminToken === true)
    return planeOf(opened, { dir, port, host, urls, adminToken, adminTokenFile, discard })
  } catch (error) {
    await opened?.close().catch(() => {})
    await discard()
    throw error
  }
}

interface Running {
  readonly dir: string
  readonly port: number
  readonly host: string | undefined
  readonly urls: () => readonly string[]
  readonly adminToken: string | undefined
  readonly adminTokenFile: string
  readonly discard: () => Promise<void>
}

function planeOf(opened: OpenedPlane, running: Running): Plane {
  const { parts, roots, own } = opened
  const { bans, authority, tokens } = own
  const { dir, port, host, urls, adminToken, adminTokenFile, discard } = running
  const shut = (): Promise<void> => opened.close().finally(discard)
  const { plane, written } = embedded({ parts, host, port, shut })
  const createToken: Plane['createToken'] = (service, how) =>
    tokens.mint(service, own.where(), how ?? {}).token
  return {
    ...plane,
    urls: urls(),
    dir,
    trustDomain: authority.trustDomain,
    get rootSha256() {
      return roots.rootSha256
    },
    get bundle() {
      return roots.bundle
    },
    adminToken,
    adminTokenFile,
    createToken,
    async devToken() {
      return createToken('*')
    },
    ban: (service, reason) => written(`ban ${service}`, bans.ban(service, reason)),
    unban: (service) => written(`unban ${service}`, bans.unban(service)),
    rotate: () => written('rotate', authority.rotate()),
    retire: ({ force = false } = {}) => written('retire', authority.retire({ force })),
    services: () => servicesOf(own.registry),
  }
}

/** The file is there before the plane takes the token: a crash in between leaves none that nobody has. */
async function makeAdminToken(
  { admin, roots }: OpenedPlane,
  urls: readonly string[],
  file: string,
  anew: boolean,
): Promise<string | undefined> {
  if (admin.exists && !anew) return undefined
  let made: string | undefined
  const { rootSha256, trustDomain } = roots
  await admin.replace({ urls, rootSha256, trustDomain }, async (token) => {
    await keepText(file, `${token}\n`)
    made = token
  })
  return made
}

async function broughtCa(
  options: PlaneOptions,
): Promise<{ readonly caCert: string; readonly caKey: string } | undefined> {
  const caCert = options.caCert ?? (await fileOf(options.caCertFile))
  const caKey = options.caKey ?? (await fileOf(options.caKeyFile))
  if (caCert === undefined && caKey === undefined) return undefined
  if (caCert === undefined || caKey === undefined)
    throw new MeshError('TULLE_CONFIG', 'caCert and caKey belong together', {
      layer: 'plane',
      hint: 'Give both, or neither: then the plane makes a root of its own.',
    })
  return { caCert, caKey }
}

async function fileOf(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined
  return readFile(path, 'utf8').catch((cause: Error) => {
    throw new MeshError('TULLE_CONFIG', `${path} cannot be read: ${cause.message}`, { layer: 'plane', cause })
  })
}
