import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type ConsulBinary, consulBinary } from '../../../scripts/consul.ts'
import type { Exit } from '../process.ts'
import { delay, until } from '../wait.ts'
import {
  type AgentIdentity,
  type AgentOptions,
  type AgentPorts,
  configOf,
  identityOf,
} from './agent-config.ts'
import { Api, type ApiAnswer, type ApiMethod, type ApiOptions } from './api.ts'
import { Child } from './child.ts'
import { freePorts } from './ports.ts'

const ATTEMPTS = 5
const TAKEN = /address already in use/i

let found: Promise<ConsulBinary> | undefined

/** The Consul this process tests with, looked up once. */
export function consul(): Promise<ConsulBinary> {
  found ??= consulBinary()
  return found
}

/**
 * Starts a real Consul agent on 127.0.0.1 and resolves when it has a leader, answers writes and has its own node in the
 * catalog. It ends with this process at the latest; `stop` ends it before.
 * @throws Error with everything the agent printed, where it does not get that far.
 */
export async function startAgent(options: AgentOptions = {}): Promise<Agent> {
  const binary = await consul()
  for (let attempt = 1; ; attempt++) {
    const [api = 0, rpc = 0, serf = 0, grpc = 0, wan = 0] = await freePorts(5)
    const agent = new Agent(options, binary, { api, rpc, serf, grpc, wan })
    try {
      await agent.start()
      return agent
    } catch (error) {
      await agent.stop()
      if (attempt === ATTEMPTS || !TAKEN.test(agent.log)) throw error
    }
  }
}

export class Agent {
  readonly node: string
  /** `http://127.0.0.1:port`, `https://…` with TLS, `unix:///…` with a unix socket. */
  readonly address: string
  readonly ports: AgentPorts
  readonly version: string
  /** May do everything; undefined without ACLs. */
  readonly token: string | undefined
  /** The CA of its HTTPS certificate, and a client certificate of the same CA. */
  readonly caFile: string | undefined
  readonly certFile: string | undefined
  readonly keyFile: string | undefined
  readonly folder: string
  readonly #options: AgentOptions
  readonly #binary: ConsulBinary
  readonly #identity: AgentIdentity
  readonly #api: Api
  #child: Child | undefined

  constructor(options: AgentOptions, binary: ConsulBinary, ports: AgentPorts) {
    this.folder = mkdtempSync(join(tmpdir(), 'tulle-consul-'))
    const identity = identityOf(options, this.folder)
    this.#options = options
    this.#binary = binary
    this.#identity = identity
    this.ports = ports
    this.node = identity.node
    this.version = binary.version
    this.token = identity.token
    this.caFile = identity.tls?.caFile
    this.certFile = identity.tls?.certFile
    this.keyFile = identity.tls?.keyFile
    this.address =
      identity.socketPath === undefined
        ? `${options.tls ? 'https' : 'http'}://127.0.0.1:${ports.api}`
        : `unix://${identity.socketPath}`
    this.#api = new Api(this.address, identity.token, identity.tls, identity.socketPath)
  }

  /** What it printed since it was started last. */
  get log(): string {
    return this.#child?.log ?? ''
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exit === undefined
  }

  get pid(): number {
    return this.#child?.pid ?? -1
  }

  /** What Consul's own programs and clients read. */
  get env(): Readonly<Record<string, string>> {
    return {
      CONSUL_HTTP_ADDR: this.address,
      ...(this.token === undefined ? {} : { CONSUL_HTTP_TOKEN: this.token }),
      ...(this.caFile === undefined ? {} : { CONSUL_CACERT: this.caFile }),
      ...(this.certFile === undefined ? {} : { CONSUL_CLIENT_CERT: this.certFile }),
      ...(this.keyFile === undefined ? {} : { CONSUL_CLIENT_KEY: this.keyFile }),
      ...(this.#options.grpcPort ? { CONSUL_GRPC_ADDR: `127.0.0.1:${this.ports.grpc}` } : {}),
    }
  }

  /** Starts the process with the ports, secrets and data it had before. Resolves when it is ready. */
  async start(): Promise<void> {
    const { server = true, dataDir = false, awaitLeader = true } = this.#options
    const file = join(this.folder, 'agent.json')
    const config = configOf(this.#options, this.#identity, this.ports, this.folder, this.version)
    mkdirSync(this.folder, { recursive: true })
    writeFileSync(file, JSON.stringify(config))
    const dev = server && !dataDir ? ['-dev'] : []
    const child = new Child(this.#binary.path, ['agent', ...dev, '-config-file', file], {}, this.folder)
    this.#child = child
    // Where a port was taken, somebody else answers: another agent even.
    await this.#poll('its API', async () => {
      const { json } = await this.#ask('GET', '/v1/agent/self')
      return json?.Config?.NodeID === this.#identity.nodeId
    })
    if (awaitLeader) await this.ready()
  }

  /** Resolves when it has a leader, answers writes, and its own node is in the catalog and healthy. */
  async ready(): Promise<void> {
    await this.#poll('a leader and a healthy node', async () => {
      // Removing what is not there is a write through Raft that leaves nothing behind.
      const nobody = { Node: 'tulle-nobody', Datacenter: this.#options.datacenter ?? 'dc1' }
      if ((await this.#ask('PUT', '/v1/catalog/deregister', nobody)).status !== 200) return false
      const roots = await this.#ask('GET', '/v1/connect/ca/roots')
      if (roots.status !== 200 || !roots.json?.ActiveRootID) return false
      const checks = (await this.#ask('GET', `/v1/health/node/${this.node}`)).json
      return Array.isArray(checks) && checks.some(({ Status }) => Status === 'passing')
    })
  }

  /** Asks its HTTP API with the token that may do everything, unless told otherwise. */
  api(method: ApiMethod, path: string, body?: unknown, options?: ApiOptions): Promise<ApiAnswer> {
    return this.#api.call(method, path, body, options)
  }

  /** Runs `consul …` against it; resolves with its stdout. @throws Error with both outputs where it fails. */
  async cli(...args: readonly string[]): Promise<string> {
    const env = { PATH: process.env.PATH ?? '', ...this.env }
    try {
      return (await promisify(execFile)(this.#binary.path, args, { env })).stdout
    } catch (error) {
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
      throw new Error(`consul ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error })
    }
  }

  /**
   * SIGSTOP to let it hang with its connections open; undone by `resume`. Resolves when it is silent: its threads stop one
   * after the other, and the last may answer once more.
   */
  async pause(): Promise<void> {
    this.#child?.signal('SIGSTOP')
    const answers = () =>
      this.#api.call('GET', '/v1/status/leader', undefined, { withinMs: 100 }).then(
        () => true,
        () => false,
      )
    await until(async () => !(await answers()), { what: 'the silence of a stopped agent' })
  }

  resume(): void {
    this.#child?.signal('SIGCONT')
  }

  /** Ends the process and keeps its folder: `start` or `restart` bring it back. SIGTERM lets a client leave. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit | undefined> {
    return this.#child?.kill(signal)
  }

  /**
   * Ends it with SIGKILL, unless it has ended, and starts it on the same ports. Without `dataDir` it comes back empty,
   * with another CA and trust domain.
   * @param wiped Forgets what is on the disk as well: with `dataDir`, and for client agents.
   */
  async restart({ wiped = false }: { readonly wiped?: boolean } = {}): Promise<void> {
    await this.kill()
    if (wiped) rmSync(join(this.folder, 'data'), { recursive: true, force: true })
    await this.start()
  }

  /** Ends the process and removes its folder. */
  async stop(): Promise<void> {
    await this.kill()
    await this.#api.close()
    rmSync(this.folder, { recursive: true, force: true })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #ask(method: ApiMethod, path: string, body?: unknown): Promise<ApiAnswer> {
    return this.api(method, path, body, { withinMs: 2000 })
  }

  async #poll(what: string, condition: () => Promise<boolean>): Promise<void> {
    const limitMs = this.#options.readyWithinMs ?? 30_000
    const started = performance.now()
    let why = ''
    while (performance.now() - started < limitMs) {
      if (!this.running) throw this.#failure(`ended before it had ${what}`)
      try {
        const ended = this.#child?.exited.then(() => false)
        if (await Promise.race([condition(), ended])) return
      } catch (error) {
        why = ` (${(error as Error).message})`
      }
      await delay(10)
    }
    throw this.#failure(`had not ${what} within ${limitMs} ms${why}`)
  }

  #failure(what: string): Error {
    return new Error(`the Consul agent ${this.node} at ${this.address} ${what}\n--- its log\n${this.log}`)
  }
}
