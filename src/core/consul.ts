import { MeshError } from './errors.ts'

/** What the edges need of a Consul agent, whatever carries it. The room `control` implements it on undici. */

export interface ConsulRequest {
  readonly method: 'GET' | 'PUT' | 'DELETE'
  /** Below the agent's origin, without a query; segments already escaped: `/v1/health/connect/orders`. */
  readonly path: string
  /** What is undefined is left out. Namespace, partition and token are the link's own. */
  readonly query?: Readonly<Record<string, string | undefined>> | undefined
  /** Bytes go as they are, anything else as JSON. */
  readonly body?: unknown
  /** A blocking query: answered when the index of what is asked for has passed this one, or after `waitMs`. */
  readonly index?: number | undefined
  /** In milliseconds; Consul adds up to a sixteenth. */
  readonly waitMs?: number | undefined
  /**
   * `stale`: any server may answer, so that a cluster without a leader still does; default for GET. `default`: the
   * leader as it believes itself to be one.
   */
  readonly consistency?: 'stale' | 'default' | undefined
  /** Answers 404 instead of rejecting with it: a key or a config entry that is not there is no mistake. */
  readonly mayBeAbsent?: boolean | undefined
  /** Default `json`. `bytes`: the body is a `Uint8Array` (`?raw` values of the KV store). */
  readonly expects?: 'json' | 'bytes' | undefined
  /**
   * Of a list: what is kept of each item, called while the answer comes, in slices that let the event loop turn. Where
   * it throws, the answer is refused whole with TULLE_CONSUL. For lists that may be long: judging 10,000 instances at
   * once takes longer than parsing them, and what is garbage at once costs the collector no pause.
   */
  readonly eachItem?: ((item: unknown) => unknown) | undefined
}

export interface ConsulAnswer {
  /** 200, or 404 where that may be. */
  readonly status: number
  /** `X-Consul-Index`; undefined: there was none, or none that is one (a positive whole number). */
  readonly index: number | undefined
  /** Of the body's bytes: the same for the same answer. An index that has passed is no proof of change. */
  readonly digest: string
  /** Parsed JSON, not yet judged; a list of any length was parsed in slices. */
  readonly body: unknown
  /** Consul says that it left something out because of ACLs (`X-Consul-Results-Filtered-By-ACLs`, since 1.13). */
  readonly filtered: boolean
  /** Whether the servers had a leader; undefined: not said. */
  readonly knownLeader: boolean | undefined
}

/** What `ConsulLink.send` rejects with where the agent answered and refused (4xx, 5xx). */
export class ConsulRefusal extends MeshError {
  readonly status: number
  /** The agent's own words, cut to a line; never a token. */
  readonly words: string

  constructor(status: number, words: string, message: string, hint?: string) {
    super('TULLE_CONSUL', message, { layer: 'consul', hint })
    this.status = status
    this.words = words
  }
}

/** A way to the agent of this machine. */
export interface ConsulLink {
  /** For messages: `http://127.0.0.1:8500`, `unix:///run/consul.sock`. */
  readonly address: string
  /**
   * Rejects with TULLE_CONSUL where the agent could not be reached, answered what is no answer (HTML, half a document,
   * too much of it), or with a `ConsulRefusal` where it refused. Never waits longer than `waitMs`, its sixteenth and
   * some slack: the wait of a request that is no blocking query is bounded too.
   */
  send(request: ConsulRequest, signal?: AbortSignal): Promise<ConsulAnswer>
  /** For those who back off: called when the agent, which could not be reached, is back, or its token was replaced. */
  onReachable?(listener: () => void): () => void
  close(): Promise<void>
}
