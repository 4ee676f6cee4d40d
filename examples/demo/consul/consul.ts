import { generateKeyPairSync } from 'node:crypto'
import { rmSync } from 'node:fs'
import { type Agent, type Cluster, startCluster } from '../../../test/kit/consul/agent.ts'
import { check, until } from '../wait.ts'

/** Three Consul servers that agree by Raft, and the agent of this machine, which all eight processes talk to. */
export class Consul {
  readonly agent: Agent
  readonly #cluster: Cluster

  private constructor(cluster: Cluster, agent: Agent) {
    this.#cluster = cluster
    this.agent = agent
  }

  /** @throws Error with what the agents printed, where they do not come up */
  static async start(): Promise<Consul> {
    const cluster = await startCluster({ servers: 3, clients: 1 })
    return new Consul(cluster, cluster.clients[0] as Agent)
  }

  get servers(): readonly Agent[] {
    return this.#cluster.servers
  }

  /** The server that leads; waits for an election that is under way. */
  leader(): Promise<Agent> {
    return this.#cluster.leader()
  }

  /** A value of the KV store, as `consul kv put` writes it. Waits for a leader where there is none. */
  async put(key: string, value: string): Promise<void> {
    await this.#accepted('PUT', `/v1/kv/${key}`, value)
  }

  /** As `consul intention create` says it. Resolves with the way back. */
  async intention(
    source: string,
    destination: string,
    action: 'allow' | 'deny',
  ): Promise<() => Promise<void>> {
    const { ID: id } = (await this.#accepted('POST', '/v1/connect/intentions', {
      SourceName: source,
      DestinationName: destination,
      Action: action,
    })) as { ID: string }
    return async () => {
      await this.#accepted('DELETE', `/v1/connect/intentions/${id}`)
    }
  }

  /** The CA makes a new root, signed by the old one too, and signs with it from now on. */
  async rotate(): Promise<void> {
    const { json } = await this.agent.api('GET', '/v1/connect/ca/configuration')
    const before = json as { Provider: string; Config: Record<string, unknown> }
    const { PrivateKey: _key, RootCert: _root, ...config } = before.Config
    await this.#accepted('PUT', '/v1/connect/ca/configuration', {
      Provider: before.Provider,
      // A new key is what makes the root a new one; Consul makes both where it is given neither.
      Config: { ...config, PrivateKey: newKey(), RootCert: '' },
    })
  }

  /** How many roots the CA has told: the one that signs, and those that still count. */
  async roots(): Promise<number> {
    const { json } = await this.agent.api('GET', '/v1/connect/ca/roots')
    return (json as { Roots: readonly unknown[] }).Roots.length
  }

  /** Whoever is gone is started again. */
  async restore(): Promise<void> {
    for (const agent of this.#cluster.agents) if (!agent.running) await agent.start()
  }

  /** Ends the agents without waiting: for exits of the runner. */
  killNow(): void {
    for (const agent of this.#cluster.agents) {
      if (agent.running) process.kill(agent.pid, 'SIGKILL')
      // A process that is being killed may still write a file.
      rmSync(agent.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 })
    }
  }

  async stop(): Promise<void> {
    await this.#cluster.stop()
  }

  async #accepted(method: 'PUT' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<unknown> {
    let refused = ''
    let answer: unknown
    await until(`Consul to accept ${method} ${path}`, 15_000, async () => {
      const { status, json, text } = await this.agent.api(method, path, body)
      refused = `${status} ${text}`
      answer = json
      check(status < 400 || status >= 500, `Consul refused ${method} ${path}: ${refused}`)
      return status === 200
    })
    return answer
  }
}

function newKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'sec1', format: 'pem' })
    .toString()
}
