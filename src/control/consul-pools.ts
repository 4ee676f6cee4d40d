import type { SecureContext } from 'node:tls'
import { type buildConnector, Client, Pool } from 'undici'
import type { Clock } from '../core/ports.ts'
import type { AgentAddress } from './consul-agent.ts'
import { openAgent } from './consul-door.ts'

/**
 * What a connection is for. `ask`: somebody waits for it. `look`: the first question of a watch. `watch`: blocking
 * queries. `probe`: whether the agent is well. Short requests never wait behind blocking ones.
 */
export type Lane = 'ask' | 'look' | 'watch' | 'probe'

/** The agent allows 200 connections of one client address, which other processes of this machine share. */
export const LANES: Readonly<Record<Lane, number>> = { ask: 8, look: 8, watch: 111, probe: 1 }

/** In milliseconds; what stands between us and the agent closes idle connections after 5 s at the earliest. */
const IDLE_MS = 4000
const MAX_HEADER_BYTES = 16 * 1024

export interface PoolsOptions {
  readonly agent: AgentAddress
  readonly verify: boolean
  readonly serverName: string | undefined
  readonly clock: Clock
}

/** Connections to the agent, bounded by what they are for. */
export class ConsulPools {
  readonly #options: PoolsOptions
  readonly #lanes = new Map<Lane, Pool>()
  /** Those of blocking queries, each a connection: what is not waiting now. */
  #free: Client[] = []
  readonly #waiting = new Set<Client>()
  readonly #retired = new Set<Pool>()
  #context: SecureContext | undefined
  #closed = false

  constructor(options: PoolsOptions) {
    this.#options = options
  }

  /** With another context than before, older connections end with what is in flight on them. */
  lane(lane: Exclude<Lane, 'watch'>, context: SecureContext | undefined): Pool {
    this.#renew(context)
    const known = this.#lanes.get(lane)
    if (known !== undefined) return known
    const pool = new Pool(this.#options.agent.origin, {
      ...this.#common(lane !== 'ask'),
      connections: LANES[lane],
    })
    this.#lanes.set(lane, pool)
    return pool
  }

  /**
   * For one blocking query, given back by `release`. No pool: undici connects anew after a request was broken off, for
   * nobody, and a query that is given up is to leave no connection.
   */
  watch(context: SecureContext | undefined): Client {
    this.#renew(context)
    const client = this.#free.pop() ?? new Client(this.#options.agent.origin, this.#common(true))
    this.#waiting.add(client)
    return client
  }

  /** @param whole its answer was read to the end, and it may be used again */
  release(client: Client, whole: boolean): void {
    // Not there any more: TLS was renewed in the meantime.
    const current = this.#waiting.delete(client)
    if (whole && current && !this.#closed) this.#free.push(client)
    else client.destroy(null, () => {})
  }

  async close(): Promise<void> {
    this.#closed = true
    const all = [...this.#lanes.values(), ...this.#retired, ...this.#free, ...this.#waiting]
    this.#lanes.clear()
    this.#free = []
    await Promise.all(all.map((pool) => pool.destroy()))
  }

  #renew(context: SecureContext | undefined): void {
    if (context === this.#context) return
    this.#context = context
    for (const pool of this.#lanes.values()) {
      this.#retired.add(pool)
      const gone = (): void => void this.#retired.delete(pool)
      pool.close().then(gone, gone)
    }
    this.#lanes.clear()
    for (const client of this.#free) client.destroy(null, () => {})
    this.#free = []
    this.#waiting.clear()
  }

  #common(background: boolean) {
    const door = { ...this.#options, context: this.#context }
    return {
      // Every request has its own limit.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: IDLE_MS,
      keepAliveMaxTimeout: IDLE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      connect: (_options: unknown, callback: buildConnector.Callback) => {
        openAgent(door, background).then(
          (socket) => {
            if (this.#closed) socket.destroy()
            callback(null, socket)
          },
          (error: Error) => callback(error, null),
        )
      },
    }
  }
}
