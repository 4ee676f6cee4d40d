import { randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TestCa } from '../certificates.ts'

export type Json = Readonly<Record<string, unknown>>

/** What a real agent is started with. Left out, it is one server in memory, plain HTTP, without ACLs. */
export interface AgentOptions {
  /** Merged into the agent's configuration, objects deeply, and stronger than everything below. */
  readonly config?: Json
  /** Default `node-<random>`. */
  readonly node?: string
  /** Default `dc1`. */
  readonly datacenter?: string
  /** ACLs with this default policy; `agent.token` may do everything. */
  readonly acl?: 'allow' | 'deny'
  /** The token that may do everything; default a fresh one. */
  readonly token?: string
  /** HTTPS with a certificate for 127.0.0.1 and localhost; `mutual` refuses clients without one of the same CA. */
  readonly tls?: boolean | 'mutual'
  /** The API on a unix socket and nowhere else. */
  readonly unixSocket?: boolean
  /** The gRPC port for xDS; default closed. */
  readonly grpcPort?: boolean
  /**
   * Keeps Raft, services and checks on disk, so that `restart` finds them; slower to start, as a server in memory
   * elects itself within 0.1 s and one with a disk within 1 to 3.
   */
  readonly dataDir?: boolean
  /** Opens `ports.wan`, for federation: the agents of another datacenter name it in `config.retry_join_wan`. */
  readonly wan?: boolean
  /** `false`: a client agent, of the cluster given by `config.retry_join`. Default true. */
  readonly server?: boolean
  /** Default `info`. */
  readonly logLevel?: 'trace' | 'debug' | 'info' | 'warn' | 'error'
  /** Milliseconds until it must answer writes; default 30,000. */
  readonly readyWithinMs?: number
  /** Default true: wait until it has a leader. */
  readonly awaitLeader?: boolean
}

export interface AgentPorts {
  readonly api: number
  readonly rpc: number
  readonly serf: number
  readonly grpc: number
  readonly wan: number
}

/** The files of an agent with HTTPS. */
export interface TlsFiles {
  readonly caFile: string
  /** A client certificate of the same CA. */
  readonly certFile: string
  readonly keyFile: string
}

export interface AgentIdentity {
  readonly node: string
  /** The same after its disk was wiped: a node of this name with another id is refused while the old one lives. */
  readonly nodeId: string
  readonly token: string | undefined
  readonly tls: TlsFiles | undefined
  readonly socketPath: string | undefined
}

/** Makes what lasts over restarts: names, secrets, certificates. */
export function identityOf(options: AgentOptions, folder: string): AgentIdentity {
  return {
    node: options.node ?? `node-${randomUUID().slice(0, 8)}`,
    nodeId: randomUUID(),
    token: options.token ?? (options.acl === undefined ? undefined : randomUUID()),
    tls: options.tls ? writeCertificates(folder) : undefined,
    socketPath: options.unixSocket ? join(folder, 'http.sock') : undefined,
  }
}

export function configOf(
  options: AgentOptions,
  identity: AgentIdentity,
  ports: AgentPorts,
  folder: string,
  version: string,
): Json {
  const { acl, server = true } = options
  const inMemory = server && options.dataDir !== true
  const base: Json = {
    node_name: identity.node,
    node_id: identity.nodeId,
    datacenter: options.datacenter ?? 'dc1',
    bind_addr: '127.0.0.1',
    server,
    log_level: options.logLevel ?? 'info',
    disable_update_check: true,
    connect: { enabled: true },
    ports: {
      http: options.tls ? -1 : ports.api,
      https: options.tls ? ports.api : -1,
      server: ports.rpc,
      serf_lan: ports.serf,
      serf_wan: options.wan ? ports.wan : -1,
      dns: -1,
      grpc: options.grpcPort ? ports.grpc : -1,
      ...(atLeast(version, 1, 14) ? { grpc_tls: -1 } : {}),
    },
    performance: { raft_multiplier: 1, leave_drain_time: '0s' },
    limits: { http_max_conns_per_client: 10_000 },
  }
  return [
    inMemory ? {} : { data_dir: join(folder, 'data') },
    // What `-dev` has and a server with a disk, or a client, must be given.
    inMemory ? {} : { gossip_lan: { gossip_interval: '100ms', probe_interval: '500ms' } },
    server && !inMemory && options.config?.bootstrap_expect === undefined ? { bootstrap: true } : {},
    acl === undefined ? {} : { acl: aclOf(acl, identity.token as string, version) },
    identity.tls === undefined ? {} : serverTls(folder, identity.tls, options.tls === 'mutual'),
    identity.socketPath === undefined ? {} : { addresses: { http: `unix://${identity.socketPath}` } },
    options.config ?? {},
  ].reduce(merge, base)
}

function aclOf(policy: 'allow' | 'deny', token: string, version: string): Json {
  // The token's name changed with Consul 1.11.
  const initial = atLeast(version, 1, 11) ? 'initial_management' : 'master'
  return { enabled: true, default_policy: policy, tokens: { [initial]: token, agent: token } }
}

function serverTls(folder: string, { caFile }: TlsFiles, mutual: boolean): Json {
  return {
    ca_file: caFile,
    cert_file: join(folder, 'server.pem'),
    key_file: join(folder, 'server-key.pem'),
    verify_incoming_https: mutual,
  }
}

function writeCertificates(folder: string): TlsFiles {
  const ca = TestCa.create({ subject: 'consul test CA' })
  const server = ca.issue({ uris: [], dns: ['localhost'], ips: ['127.0.0.1'], subject: 'agent' })
  const client = ca.issue({ uris: [], dns: ['client'], subject: 'client' })
  mkdirSync(folder, { recursive: true })
  const write = (name: string, text: string): string => {
    const path = join(folder, name)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
  write('server.pem', server.certPem)
  write('server-key.pem', server.keyPem)
  return {
    caFile: write('ca.pem', ca.rootPem),
    certFile: write('client.pem', client.certPem),
    keyFile: write('client-key.pem', client.keyPem),
  }
}

function atLeast(version: string, major: number, minor: number): boolean {
  const [its = 0, minors = 0] = version.split('.').map(Number)
  return its > major || (its === major && minors >= minor)
}

function merge(below: Json, above: Json): Json {
  const merged: Record<string, unknown> = { ...below }
  for (const [key, value] of Object.entries(above)) {
    const old = merged[key]
    merged[key] = isObject(old) && isObject(value) ? merge(old, value) : value
  }
  return merged
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
