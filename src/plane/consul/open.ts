import { join } from 'node:path'
import type { ConsulLink } from '../../core/consul.ts'
import type { Clock, Logger, Random } from '../../core/ports.ts'
import { ConsulIdentitySource } from '../../identity/consul-source.ts'
import { AdminToken } from '../access/admin-token.ts'
import { Door } from '../access/door.ts'
import { RateLimit } from '../access/rate-limit.ts'
import { PLANE_SERVICE } from '../access/service-name.ts'
import { noJoinTokens } from '../api/elsewhere-routes.ts'
import { LongPolls } from '../api/long-poll.ts'
import type { Parts } from '../api/parts.ts'
import { Peers } from '../api/peer.ts'
import { type PlaneServer, planeServer } from '../api/server.ts'
import { type Audit, AuditLog } from '../audit.ts'
import { AuditLines } from '../audit-lines.ts'
import { Closers } from '../closers.ts'
import { DirectoryStore } from '../directory-store.ts'
import { NOTED_REFUSALS, openPolicies } from '../open.ts'
import type { ReadYaml } from '../policy-check.ts'
import { Subscribers } from '../subscribers.ts'
import { ConnectIdentity } from './identity.ts'
import { ConsulStore } from './store.ts'

export interface ConsulOpenOptions {
  /** Closed with the plane. */
  readonly link: ConsulLink
  readonly prefix: string
  /** Where the audit log goes, held by this process alone; undefined: into the process's log. */
  readonly directory?: string | undefined
  readonly clock: Clock
  readonly wall: () => number
  readonly random: Random
  readonly log: Logger
  readonly readYaml: ReadYaml
  readonly admins: readonly string[]
  readonly policyHosts: readonly string[]
  readonly keepVersions?: number | undefined
  readonly maxConnections?: number | undefined
  readonly version: string
}

export interface OpenedConsulPlane {
  readonly parts: Parts
  readonly admin: AdminToken
  readonly identity: ConnectIdentity
  readonly server: PlaneServer
  /** The store, for messages. */
  readonly place: string
  close(): Promise<void>
}

/**
 * Everything behind the server of a plane that keeps its state in Consul: the policy and the hash of the admin token,
 * nothing else. Who is who comes from Connect, who is where and well from Consul's catalog and checks.
 */
export async function openConsulPlane(options: ConsulOpenOptions): Promise<OpenedConsulPlane> {
  const closers = new Closers()
  closers.add(() => options.link.close())
  try {
    return { ...(await build(options, closers)), close: () => closers.close() }
  } catch (error) {
    await closers.close().catch(() => {})
    throw error
  }
}

async function build(
  options: ConsulOpenOptions,
  closers: Closers,
): Promise<Omit<OpenedConsulPlane, 'close'>> {
  const { link, prefix, clock, wall, random, log } = options
  const store = await ConsulStore.open({ link, prefix, clock, wall, random, log })
  closers.add(() => store.close())
  const audit = await auditOf(options, closers)
  const source = new ConsulIdentitySource({ service: PLANE_SERVICE, link, clock, wall, random, log })
  const identity = await ConnectIdentity.start({ source, wall, log })
  closers.add(() => identity.close())
  const admin = await AdminToken.open({ store })
  closers.add(admin.follow(clock, log))
  const policies = await openPolicies(store, options)
  closers.add(() => policies.close())
  const polls = new LongPolls({ clock })
  const parts: Parts = {
    policies,
    subscribers: new Subscribers({ clock, wall }),
    audit,
    door: new Door({
      tokens: { verify: noJoinTokens },
      bans: { has: () => false },
      admin,
      serviceOf: (id) => identity.serviceOf(id),
      adminServices: options.admins,
      clock,
      onFailed: ({ reason, from, unreported }) => log.warn(`refused: ${reason}`, { from, unreported }),
    }),
    own: undefined,
    trustDomain: () => identity.trustDomain,
    polls,
    clock,
    wall,
    log,
    version: options.version,
  }
  const server = serverOf(parts, identity, options)
  closers.add(() => server.app.close())
  closers.add(() => polls.close())
  return { parts, admin, identity, server, place: store.place }
}

function serverOf(
  parts: Parts,
  identity: ConnectIdentity,
  { wall, maxConnections }: ConsulOpenOptions,
): PlaneServer {
  const peers = new Peers({
    get trustDomain() {
      return identity.trustDomain
    },
    roots: () => identity.roots,
    intermediates: () => identity.intermediates,
    wall,
  })
  const server = planeServer(parts, { tls: identity.tls, peers, maxConnections })
  identity.onChange(() => server.setTls(identity.tls))
  return server
}

async function auditOf({ directory, clock, log }: ConsulOpenOptions, closers: Closers): Promise<Audit> {
  const refusals = new RateLimit(NOTED_REFUSALS, clock)
  const mayNote = (): boolean => refusals.take('')
  if (directory === undefined) return new AuditLines({ log, mayNote })
  // Nothing is kept in it but files of this process; two must not take turns in one log.
  const held = await DirectoryStore.open({ directory, clock })
  closers.add(() => held.close())
  const audit = await AuditLog.open({ file: join(directory, 'audit.log'), mayNote })
  closers.add(() => audit.close())
  return audit
}
