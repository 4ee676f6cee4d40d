import type { ConsulLink } from '../core/consul.ts'
import type { EndpointSet } from '../core/endpoint.ts'
import { FirstAnswer } from '../core/first-answer.ts'
import type { StateStore } from '../core/plane.ts'
import type { Clock, Logger, Random } from '../core/ports.ts'
import { wordsOf } from '../core/words.ts'
import type { IdentityParts } from './consul-health.ts'
import { CONSUL_KEPT, type ConsulKept } from './consul-kept.ts'
import type { Lookup } from './consul-lookup.ts'
import { ConsulNames } from './consul-names.ts'
import { ConsulRights } from './consul-rights.ts'
import { ConsulWatch } from './consul-watch.ts'
import { KeptEndpoints } from './kept-endpoints.ts'
import type { Source } from './source.ts'

export interface ConsulSourceOptions {
  /** Our own service: a token that sees no other is told of. */
  readonly service?: string | undefined
  readonly link: Pick<ConsulLink, 'send' | 'onReachable' | 'address'>
  /** Where the last good endpoints are kept; undefined: nowhere. */
  readonly store?: StateStore | undefined
  readonly clock: Clock
  readonly wall: () => number
  readonly random: Random
  readonly log: Logger
  /** How long a start, and a first watch, wait for the agent before what was kept is used, in milliseconds; default 3000. */
  readonly startMs?: number | undefined
  /** Asked when a service is watched first, and again with every `replan`. */
  readonly lookup: (service: string) => Lookup
  /** The SPIFFE ID of what stands for another service than it is called by; undefined: it cannot be told. */
  readonly idOf?: ((parts: IdentityParts) => string | undefined) | undefined
}

export interface ConsulSourceStatus {
  /** `kept`: some service lives on what an earlier run has kept. */
  readonly source: 'consul' | 'kept' | 'none'
  /** The longest that Consul has said nothing about one of the services in use, in milliseconds; undefined: it never did. */
  readonly ageMs: number | undefined
  /** Why nothing new comes; undefined: all is well. */
  readonly problem: string | undefined
}

const START_MS = 3000

/**
 * Addresses from Consul's catalog: one blocking query per service that is called, and one over the names that exist.
 * An answer with any mistake is refused whole and the last good set stays, for ever where need be; sets are kept on disk
 * for a process that starts while the agent is away.
 */
export class ConsulSource implements Source {
  readonly name = 'consul'
  readonly lazy = true
  readonly #options: ConsulSourceOptions
  readonly #kept: KeptEndpoints<ConsulKept>
  readonly #watches = new Map<string, ConsulWatch>()
  readonly #knownListeners = new Set<() => void>()
  #names: ConsulNames | undefined
  #known: readonly string[] = []
  #heardMs: number | undefined
  #problem: string | undefined
  #usesKept = false
  readonly #first = new FirstAnswer()

  constructor(options: ConsulSourceOptions) {
    this.#options = options
    const { store, clock, wall, log } = options
    this.#kept = new KeptEndpoints(CONSUL_KEPT, store, clock, wall, log)
  }

  /**
   * Resolves with the agent's first answer, with what was kept where it fails, or when `startMs` is over. May be called
   * again after `close`.
   */
  async start(signal: AbortSignal): Promise<void> {
    await this.#kept.load()
    signal.throwIfAborted()
    const { clock, startMs = START_MS } = this.#options
    await this.#first.wait(clock, startMs, signal, () => this.#begin())
    signal.throwIfAborted()
    if (this.#heardMs === undefined) this.#useKeptNames()
  }

  status(): ConsulSourceStatus {
    const watches = [...this.#watches.values()]
    const now = this.#options.clock.now()
    const kept =
      watches.some(({ source }) => source === 'kept') || (this.#usesKept && this.#heardMs === undefined)
    const ages = [this.#heardMs, ...watches.map(({ heardMs }) => heardMs)].flatMap((heardMs) =>
      heardMs === undefined ? [] : [Math.max(0, now - heardMs)],
    )
    const keptMs = kept ? this.#kept.current?.ageMs : undefined
    const oldest = Math.max(...ages, keptMs ?? Number.NEGATIVE_INFINITY)
    return {
      source: kept ? 'kept' : ages.length > 0 ? 'consul' : 'none',
      ageMs: oldest === Number.NEGATIVE_INFINITY ? undefined : oldest,
      problem:
        watches.find(({ problem }) => problem !== undefined)?.problem ??
        this.#problem ??
        this.#names?.problem,
    }
  }

  watch(service: string, onSet: (set: EndpointSet) => void, onError: (error: unknown) => void): () => void {
    const listener = { onSet, onError }
    const watch = this.#watches.get(service) ?? this.#open(service)
    this.#watches.set(service, watch)
    watch.listen(listener)
    return () => {
      watch.listeners.delete(listener)
      if (watch.listeners.size > 0 || this.#watches.get(service) !== watch) return
      this.#watches.delete(service)
      watch.stop()
    }
  }

  /** Lookups may have changed: those services are asked for anew. */
  replan(): void {
    for (const watch of this.#watches.values()) watch.replan()
  }

  known(): readonly string[] {
    return this.#known
  }

  onKnown(listener: () => void): () => void {
    this.#knownListeners.add(listener)
    return () => {
      this.#knownListeners.delete(listener)
    }
  }

  seek(name: string): void {
    void this.#names?.seek(name)
  }

  async close(): Promise<void> {
    this.#first.settle()
    this.#names?.stop()
    this.#names = undefined
    for (const watch of this.#watches.values()) watch.stop()
    this.#watches.clear()
    await this.#kept.close()
  }

  #begin(): void {
    this.#names ??= new ConsulNames({
      ...this.#options,
      onChange: () => this.#knows(this.#names?.known ?? []),
      onHeard: () => {
        if (this.#problem !== undefined) this.#options.log.info('the Consul agent answers again')
        this.#problem = undefined
        this.#heardMs = this.#options.clock.now()
        this.#first.settle()
      },
      onError: (error) => {
        const message = wordsOf(error)
        if (message !== this.#problem) this.#options.log.warn(`no names of services from Consul: ${message}`)
        this.#problem = message
        if (this.#heardMs === undefined && this.#useKeptNames()) this.#first.settle()
      },
    })
  }

  #open(service: string): ConsulWatch {
    const { link, clock, random, log, startMs = START_MS, lookup, idOf } = this.#options
    return new ConsulWatch({
      link,
      clock,
      random,
      log,
      startMs,
      service,
      idOf,
      lookup: () => lookup(service),
      kept: () => this.#kept.current?.sets.services.get(service),
      onSet: (asked, { endpoints }) =>
        this.#kept.keep({ [service]: { asked, endpoints } }, [
          ...new Set([...this.#known, ...this.#watches.keys()]),
        ]),
      rights: new ConsulRights(link),
    })
  }

  #useKeptNames(): boolean {
    const kept = this.#kept.current
    if (kept === undefined) return false
    if (!this.#usesKept)
      this.#options.log.warn(`endpoints as kept ${Math.round(kept.ageMs / 1000)} s ago are in use`)
    this.#usesKept = true
    this.#knows(kept.sets.known)
    return true
  }

  #knows(known: readonly string[]): void {
    if (known.join() === this.#known.join()) return
    this.#known = known
    for (const listener of [...this.#knownListeners]) listener()
  }
}
