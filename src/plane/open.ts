import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Clock, Logger, Random } from '../core/ports.ts'
import { pemOf } from '../identity/pem.ts'
import { createParser } from '../policy/parse.ts'
import { policyPieces } from '../stack.ts'
import { AdminToken } from './access/admin-token.ts'
import { Bans } from './access/bans.ts'
import { Door } from './access/door.ts'
import { JoinTokens } from './access/join-tokens.ts'
import { RateLimit } from './access/rate-limit.ts'
import { LongPolls } from './api/long-poll.ts'
import type { OwnParts, Parts } from './api/parts.ts'
import { Peers } from './api/peer.ts'
import { type PlaneServer, type PlaneTls, planeServer } from './api/server.ts'
import { AuditLog } from './audit.ts'
import { Authority } from './authority/authority.ts'
import type { BroughtCa } from './authority/brought.ts'
import { Issuance } from './authority/issuance.ts'
import { OwnCertificate } from './authority/own-certificate.ts'
import { Trust } from './authority/trust.ts'
import { Closers } from './closers.ts'
import { DirectoryStore } from './directory-store.ts'
import { settledNames } from './names.ts'
import { Policies } from './policies.ts'
import { PolicyCheck, type ReadYaml } from './policy-check.ts'
import { Registry } from './registry.ts'
import { routeAuthority } from './route-authority.ts'
import type { Store } from './store.ts'
import { Subscribers } from './subscribers.ts'

/** Anybody can be refused as often as he likes; the audit log has room for what was done. */
export const NOTED_REFUSALS = { perSecond: 2, burst: 1000 }

export interface OpenOptions {
  readonly directory: string
  readonly clock: Clock
  readonly wall: () => number
  readonly random: Random
  readonly log: Logger
  readonly readYaml: ReadYaml
  readonly dev: boolean
  readonly trustDomain?: string | undefined
  readonly dc?: string | undefined
  readonly brought?: BroughtCa | undefined
  readonly svidTtlMs?: number | undefined
  readonly admins: readonly string[]
  readonly policyHosts: readonly string[]
  readonly instanceTtlMs?: number | undefined
  readonly keepVersions?: number | undefined
  readonly maxConnections?: number | undefined
  readonly version: string
  /** Where the plane is reached, once it listens. */
  readonly urls: () => readonly string[]
}

export interface OpenedPlane {
  readonly parts: Parts
  readonly own: OwnParts
  readonly admin: AdminToken
  readonly roots: Authority
  readonly server: PlaneServer
  /** Reads nothing more, answers what waits, and lets go of the directory. Does not wait for it twice. */
  close(): Promise<void>
}

/** Everything behind the plane's server, from one directory. Nothing is left open where it rejects. */
export async function openPlane(options: OpenOptions): Promise<OpenedPlane> {
  const closers = new Closers()
  try {
    const store = await DirectoryStore.open({ directory: options.directory, clock: options.clock })
    closers.add(() => store.close())
    return { ...(await build(store, options, closers)), close: () => closers.close() }
  } catch (error) {
    await closers.close().catch(() => {})
    throw error
  }
}

async function build(
  store: Store,
  options: OpenOptions,
  closers: Closers,
): Promise<Omit<OpenedPlane, 'close'>> {
  const { clock, wall, random, log, dev } = options
  const refusals = new RateLimit(NOTED_REFUSALS, clock)
  const audit = await AuditLog.open({
    file: join(options.directory, 'audit.log'),
    mayNote: () => refusals.take(''),
  })
  closers.add(() => audit.close())
  const { trustDomain, dc } = await settledNames(store, options)
  const { brought, svidTtlMs: ttlMs } = options
  const authority = await Authority.open({ store, wall, trustDomain, dc, ttlMs, brought })
  const bans = await Bans.open({ store, wall })
  const tokens = await JoinTokens.open({ store, wall, trustDomain, dev })
  const admin = await AdminToken.open({ store })
  const trust = new Trust({ authority, bans })
  const issuance = new Issuance({ authority, trust, tokens, bans, clock })
  const registry = new Registry({
    store,
    clock,
    log,
    epoch: randomBytes(6).toString('hex'),
    ttlMs: options.instanceTtlMs,
  })
  await registry.load()
  closers.add(() => registry.close())
  const policies = await openPolicies(store, options)
  closers.add(() => policies.close())
  const polls = new LongPolls({ clock })
  const own: OwnParts = {
    registry,
    tokens,
    bans,
    authority: routeAuthority(authority, issuance, trust),
    where: () => ({ urls: options.urls(), rootSha256: authority.rootSha256, dc }),
  }
  const parts: Parts = {
    policies,
    subscribers: new Subscribers({ clock, wall }),
    audit,
    door: doorOf({ tokens, admin, bans, authority }, options),
    own,
    trustDomain: () => trustDomain,
    polls,
    clock,
    wall,
    log,
    version: options.version,
  }
  const certificate = await OwnCertificate.start({ authority, clock, wall, random, logger: log })
  closers.add(() => certificate.close())
  const server = serverOf(parts, authority, certificate, options)
  closers.add(() => server.app.close())
  closers.add(() => polls.close())
  return { parts, own, admin, roots: authority, server }
}

function serverOf(
  parts: Parts,
  authority: Authority,
  own: OwnCertificate,
  { wall, maxConnections }: OpenOptions,
): PlaneServer {
  let roots = authority.roots
  const tls = (): PlaneTls => {
    const { cert, key } = own.current
    return { cert, key, ca: roots.map((root) => pemOf('CERTIFICATE', root)) }
  }
  const peers = new Peers({
    trustDomain: authority.trustDomain,
    roots: () => roots,
    intermediates: () => authority.intermediates,
    wall,
  })
  const server = planeServer(parts, { tls: tls(), peers, maxConnections })
  authority.onChange(() => {
    roots = authority.roots
    server.setTls(tls())
  })
  own.onChange(() => server.setTls(tls()))
  return server
}

/** As every plane judges them, wherever they are kept. */
export async function openPolicies(
  store: Store,
  options: Pick<OpenOptions, 'policyHosts' | 'readYaml' | 'clock' | 'wall' | 'log' | 'keepVersions'>,
): Promise<Policies> {
  const parse = createParser({ pieces: policyPieces, allowedHosts: options.policyHosts })
  const check = new PolicyCheck({ read: options.readYaml, parse, pieces: policyPieces })
  const { clock, wall, log, keepVersions: keep } = options
  const policies = new Policies({ store, check, clock, wall, log, keep })
  await policies.load()
  return policies
}

function doorOf(
  parts: {
    readonly tokens: JoinTokens
    readonly admin: AdminToken
    readonly bans: Bans
    readonly authority: Authority
  },
  { admins, clock, log }: OpenOptions,
): Door {
  const { authority, ...rest } = parts
  return new Door({
    ...rest,
    serviceOf: (id) => authority.serviceOf(id),
    adminServices: admins,
    clock,
    // The audit log has the attempt itself; what it cannot have are those that were not reported.
    onFailed: ({ reason, from, unreported }) => log.warn(`refused: ${reason}`, { from, unreported }),
  })
}
