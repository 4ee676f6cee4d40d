import { rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import type { ConsulAgentOptions } from './control/consul-agent.ts'
import { HttpConsulLink } from './control/consul-link.ts'
import { readDocument } from './control/document.ts'
import type { Logger } from './core/ports.ts'
import { type OpenedConsulPlane, openConsulPlane } from './plane/consul/open.ts'
import { readConsulPlace } from './plane/consul/place.ts'
import { keepText } from './plane/disk.ts'
import { type EveryPlane, type EveryPlaneOptions, embedded } from './plane/embedded.ts'
import { advertised, DEFAULT_PORT, listen, urlOf } from './plane/listening.ts'
import { systemClock, systemWall } from './platform/clock.ts'
import { packageVersion } from './platform/package-version.ts'
import { systemRandom } from './platform/random.ts'
import { LOCAL_NAMES } from './policy/hosts.ts'
import { createLogger } from './telemetry/log.ts'

/** How a plane is run that keeps its state in Consul. */
export interface ConsulPlaneOptions extends EveryPlaneOptions {
  /** `consul://[host[:port]]/prefix`, `consul+https://…`; without a host the agent is where `agent` says. */
  readonly store: string
  /** How the agent is spoken to; its address, where `store` names none, default http://127.0.0.1:8500. */
  readonly agent?: Partial<ConsulAgentOptions> | undefined
  /** For the audit log and the admin token, made (0700) where it is not there; one plane at a time. Default: none. */
  readonly dir?: string | undefined
  /** Default 7400. */
  readonly port?: number | undefined
  /** The address it listens on; default all of them. */
  readonly host?: string | undefined
  /** Host names or addresses that the admin token names, those of all replicas. Default this machine's name and 127.0.0.1, or `host`. */
  readonly advertise?: readonly string[] | undefined
  /** Makes a new admin token for all replicas; the old one is over. Default false. */
  readonly newAdminToken?: boolean | undefined
  /** Default: one line per entry on standard error, from `warn` up. Without `dir` it gets the audit log too. */
  readonly logger?: Logger | undefined
}

/** A running replica of a plane whose state is in Consul. */
export interface ConsulPlane extends EveryPlane {
  /** Where its admin token says it is reached. */
  readonly urls: readonly string[]
  /** `consul://host:port/prefix`. */
  readonly store: string
  /** Consul's. */
  readonly trustDomain: string
  /** Of the root its own certificate rests on, lower-case hexadecimal. */
  readonly rootSha256: string
  /** The admin token where it was made by this start; afterwards nobody but who was shown it knows it. */
  readonly adminToken: string | undefined
  /** Where it was written, mode 0600; undefined: this start has made none, or has no `dir`. */
  readonly adminTokenFile: string | undefined
  /** Where the one in force was shown, in words, on whatever machine. */
  readonly adminTokenShown: string | undefined
}

const DEFAULT_AGENT = 'http://127.0.0.1:8500'

/**
 * Starts a plane that keeps its state in Consul's KV store, beside any number of others: none is special. It has the
 * policy; certificates come from Connect, addresses and health from the catalog.
 *
 * Rejects with TULLE_CONFIG for options that mean nothing, TULLE_CONSUL where the agent does not answer or does not let us
 * (within seconds), TULLE_IDENTITY where Connect gives no certificate, TULLE_STATE where `dir` cannot be used, TULLE_START
 * where the port cannot be listened on. Nothing is left open then.
 */
export async function startConsulPlane(options: ConsulPlaneOptions): Promise<ConsulPlane> {
  const { clock = systemClock, wall = systemWall, random = systemRandom, host } = options
  const log = createLogger(options.logger === undefined ? 'warn' : 'debug', options.logger)
  const { address = options.agent?.address ?? DEFAULT_AGENT, prefix } = readConsulPlace(options.store)
  const directory = options.dir === undefined ? undefined : resolve(options.dir)
  const opened = await openConsulPlane({
    link: new HttpConsulLink({ ...options.agent, address, clock, random, log }),
    prefix,
    directory,
    clock,
    wall,
    random,
    log,
    readYaml: readDocument,
    admins: options.admins ?? [],
    policyHosts: options.policyHosts ?? LOCAL_NAMES,
    keepVersions: options.keepVersions,
    maxConnections: options.maxConnections,
    version: packageVersion(),
  })
  try {
    const port = await listen(opened.server.app, options.port ?? DEFAULT_PORT, host)
    const urls = advertised(options.advertise, host).map((name) => urlOf(name, port))
    const made = await adminToken(opened, { urls, directory, anew: options.newAdminToken === true })
    return planeOf(opened, { port, host, urls, ...made })
  } catch (error) {
    await opened.close().catch(() => {})
    throw error
  }
}

interface Running {
  readonly port: number
  readonly host: string | undefined
  readonly urls: readonly string[]
  readonly adminToken: string | undefined
  readonly adminTokenFile: string | undefined
}

function planeOf(opened: OpenedConsulPlane, running: Running): ConsulPlane {
  const { parts, identity, admin, place } = opened
  const { port, host, urls, adminToken, adminTokenFile } = running
  const { plane } = embedded({ parts, host, port, shut: () => opened.close() })
  return {
    ...plane,
    urls,
    store: place,
    get trustDomain() {
      return identity.trustDomain
    },
    get rootSha256() {
      return identity.rootSha256
    },
    adminToken,
    adminTokenFile,
    get adminTokenShown() {
      return admin.shown
    },
  }
}

/**
 * With a directory the file is there before any plane takes the token; of replicas that start at one moment one makes it,
 * and the others adopt its hash.
 */
async function adminToken(
  { admin, identity }: OpenedConsulPlane,
  how: { readonly urls: readonly string[]; readonly directory: string | undefined; readonly anew: boolean },
): Promise<Pick<Running, 'adminToken' | 'adminTokenFile'>> {
  const { urls, directory, anew } = how
  if (admin.exists && !anew) return { adminToken: undefined, adminTokenFile: undefined }
  const file = directory === undefined ? undefined : join(directory, 'admin-token')
  const shown = `${file ?? 'standard output of the plane that made it'}, on ${hostname()}`
  let made: string | undefined
  const content = { urls, rootSha256: identity.rootSha256, trustDomain: identity.trustDomain }
  const hand = async (token: string): Promise<void> => {
    made = token
    if (file === undefined) return
    await keepText(file, `${token}\n`)
  }
  if (anew) await admin.replace(content, hand, shown)
  else if (!(await admin.create(content, hand, shown))) {
    if (file !== undefined) await rm(file, { force: true })
    return { adminToken: undefined, adminTokenFile: undefined }
  }
  return { adminToken: made, adminTokenFile: file }
}
