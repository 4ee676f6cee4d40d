import type { Exit } from '../process.ts'
import { until } from '../wait.ts'
import type { AgentOptions } from './agent-config.ts'
import { freePorts } from './ports.ts'
import { Agent, consul, startAgent } from './running-agent.ts'

const ATTEMPTS = 3

/** What all its agents have in common. */
export interface ClusterOptions extends Pick<AgentOptions, 'acl' | 'token' | 'datacenter' | 'logLevel'> {
  /** Default 3. */
  readonly servers?: number
  /** Client agents joined to them, one per application's machine; default 0. */
  readonly clients?: number
  /** Of every agent. */
  readonly config?: AgentOptions['config']
  /** Milliseconds until it has a leader; default 60,000. */
  readonly readyWithinMs?: number
}

/** Consul servers that agree by Raft, each with an API of its own, on one machine. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  for (let attempt = 1; ; attempt++) {
    const cluster = await Cluster.prepare(options)
    try {
      await cluster.start()
      return cluster
    } catch (error) {
      await cluster.stop()
      const taken = cluster.servers.some(({ log }) => /address already in use/i.test(log))
      if (attempt === ATTEMPTS || !taken) throw error
    }
  }
}

export class Cluster {
  readonly servers: readonly Agent[]
  readonly clients: Agent[] = []
  readonly #options: ClusterOptions

  private constructor(options: ClusterOptions, servers: readonly Agent[]) {
    this.#options = options
    this.servers = servers
  }

  static async prepare(options: ClusterOptions): Promise<Cluster> {
    const { servers: count = 3, clients: _clients, config, ...common } = options
    const binary = await consul()
    const token = options.token ?? (options.acl === undefined ? undefined : crypto.randomUUID())
    const ports = await freePorts(5 * count)
    const places = Array.from({ length: count }, (_, at) => {
      const [api = 0, rpc = 0, serf = 0, grpc = 0, wan = 0] = ports.slice(5 * at)
      return { api, rpc, serf, grpc, wan }
    })
    const joined = {
      bootstrap_expect: count,
      retry_join: places.map(({ serf }) => `127.0.0.1:${serf}`),
      retry_interval: '100ms',
      ...config,
    }
    const servers = places.map(
      (place, at) =>
        new Agent(
          {
            readyWithinMs: 60_000,
            ...common,
            ...(token === undefined ? {} : { token }),
            node: `server-${at}`,
            dataDir: true,
            config: joined,
          },
          binary,
          place,
        ),
    )
    return new Cluster({ ...options, ...(token === undefined ? {} : { token }) }, servers)
  }

  get agents(): readonly Agent[] {
    return [...this.servers, ...this.clients]
  }

  /** May do everything; undefined without ACLs. */
  get token(): string | undefined {
    return this.#options.token
  }

  async start(): Promise<void> {
    const starts = await Promise.allSettled(this.servers.map((server) => server.start()))
    for (const start of starts) if (start.status === 'rejected') throw start.reason
    for (let at = 0; at < (this.#options.clients ?? 0); at++) await this.join()
  }

  /** Another client agent. */
  async join(options: AgentOptions = {}): Promise<Agent> {
    const { acl, datacenter, logLevel, token, config } = this.#options
    const client = await startAgent({
      ...(acl === undefined ? {} : { acl }),
      ...(token === undefined ? {} : { token }),
      ...(datacenter === undefined ? {} : { datacenter }),
      ...(logLevel === undefined ? {} : { logLevel }),
      node: `client-${this.clients.length}`,
      ...options,
      server: false,
      config: {
        retry_join: this.servers.map(({ ports }) => `127.0.0.1:${ports.serf}`),
        retry_interval: '100ms',
        ...config,
        ...options.config,
      },
    })
    this.clients.push(client)
    return client
  }

  /** The server that every running server takes for the leader; waits for an election that is under way. */
  async leader(withinMs = 30_000): Promise<Agent> {
    return until(
      async () => {
        const running = this.servers.filter((server) => server.running)
        const words = await Promise.all(
          running.map((server) => server.api('GET', '/v1/status/leader').then(({ json }) => json)),
        )
        const leader = running.find(({ ports }) => words[0] === `127.0.0.1:${ports.rpc}`)
        return words.every((word) => word === words[0]) && leader
      },
      { what: 'a leader all servers agree on', withinMs, everyMs: 20 },
    )
  }

  /** The running servers that do not lead. */
  async followers(): Promise<Agent[]> {
    const leader = await this.leader()
    return this.servers.filter((server) => server.running && server !== leader)
  }

  /** Ends an agent and keeps its data; `agent.start()` brings it back. */
  async kill(agent: Agent, signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit | undefined> {
    return agent.kill(signal)
  }

  async stop(): Promise<void> {
    await Promise.all(this.agents.map((agent) => agent.stop()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}
