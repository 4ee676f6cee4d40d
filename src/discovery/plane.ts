import type { EndpointSet } from '../core/endpoint.ts'
import { isMeshError, MeshError } from '../core/errors.ts'
import { FirstAnswer } from '../core/first-answer.ts'
import { type Following, follow } from '../core/follow.ts'
import type { PlaneAnswer, PlaneLink, PlaneRequest, StateStore } from '../core/plane.ts'
import type { EndpointsWire } from '../core/plane-wire.ts'
import type { Clock, Logger, Random } from '../core/ports.ts'
import { wordsOf } from '../core/words.ts'
import { KeptEndpoints } from './kept-endpoints.ts'
import { PLANE_KEPT, type PlaneSets, readSets, sameSet } from './plane-sets.ts'
import type { Source } from './source.ts'

export interface PlaneSourceOptions {
  readonly link: Pick<PlaneLink, 'send' | 'urls' | 'onReachable'>
  /** Where the last good endpoints are kept; undefined: nowhere. */
  readonly store?: StateStore | undefined
  readonly clock: Clock
  readonly wall: () => number
  readonly random: Random
  readonly log: Logger
  /** How long a start, and a first watch, wait for a plane before what was kept is used, in milliseconds; default 3000. */
  readonly startMs?: number | undefined
  /** How long a poll waits at the plane, in milliseconds; default 30,000. */
  readonly waitMs?: number | undefined
}

export interface PlaneSourceStatus {
  readonly source: 'plane' | 'kept' | 'none'
  /** Since the plane last said what there is; undefined: it never did. */
  readonly ageMs: number | undefined
  /** Why nothing new comes; undefined: all is well. */
  readonly problem: string | undefined
}

interface Watch {
  readonly onSet: (set: EndpointSet) => void
  readonly onError: (error: unknown) => void
}

const START_MS = 3000
/** A process that starts calls its services one after the other. */
const GATHER_MS = 25

/**
 * Addresses from a plane: one long poll over exactly the services that are watched, asked anew when a watch is added.
 * An answer with any mistake is refused whole and the last good sets stay, for ever where need be; they are kept on
 * disk, so that a process that starts while the plane is down has somebody to call. What was kept is only used where
 * the plane does not answer.
 */
export class PlaneSource implements Source {
  readonly name = 'plane'
  readonly lazy = true
  readonly #options: PlaneSourceOptions
  readonly #kept: KeptEndpoints<PlaneSets>
  readonly #watches = new Map<string, Set<Watch>>()
  readonly #sets = new Map<string, EndpointSet>()
  readonly #knownListeners = new Set<() => void>()
  #known: readonly string[] = []
  #source: PlaneSourceStatus['source'] = 'none'
  #heardMs: number | undefined
  #problem: string | undefined
  #following: Following | undefined
  #etag: { readonly asked: string; readonly value: string | undefined } | undefined
  #asked = ''
  #coalescing = false
  #askedMs = Number.NEGATIVE_INFINITY
  #gathered = () => {}
  #closed = false
  #disarm = () => {}
  readonly #first = new FirstAnswer()

  constructor(options: PlaneSourceOptions) {
    this.#options = options
    const { store, clock, wall, log } = options
    this.#kept = new KeptEndpoints(PLANE_KEPT, store, clock, wall, log)
  }

  /**
   * Resolves with the plane's first answer, with what was kept where the plane fails, or when `startMs` is over. May be
   * called again after `close`.
   */
  async start(signal: AbortSignal): Promise<void> {
    this.#closed = false
    await this.#kept.load()
    signal.throwIfAborted()
    const { clock, startMs = START_MS } = this.#options
    await this.#first.wait(clock, startMs, signal, () => this.#begin())
    signal.throwIfAborted()
    if (this.#source === 'none') this.#useKept()
  }

  status(): PlaneSourceStatus {
    const heard = this.#heardMs
    const ageMs = heard === undefined ? undefined : Math.max(0, this.#options.clock.now() - heard)
    return { source: this.#source, ageMs, problem: this.#problem }
  }

  watch(service: string, onSet: Watch['onSet'], onError: Watch['onError']): () => void {
    const watch: Watch = { onSet, onError }
    const watches = this.#watches.get(service) ?? new Set()
    this.#watches.set(service, watches.add(watch))
    const set = this.#sets.get(service)
    if (set !== undefined) onSet(set)
    if (watches.size === 1) this.#askAgain()
    return () => {
      watches.delete(watch)
      if (watches.size > 0 || this.#watches.get(service) !== watches) return
      this.#watches.delete(service)
    }
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

  async close(): Promise<void> {
    this.#closed = true
    this.#disarm()
    this.#gathered()
    this.#coalescing = false
    this.#following?.stop()
    this.#following = undefined
    this.#first.settle()
    this.#watches.clear()
    await this.#kept.close()
  }

  #begin(): void {
    if (this.#closed || this.#following !== undefined) return
    const { link, clock, random } = this.#options
    this.#following = follow({
      link,
      clock,
      random,
      request: () => this.#request(),
      onAnswer: (answer) => this.#answered(answer),
      onUnchanged: () => this.#unchanged(),
      onError: (error) => this.#failed(error),
    })
  }

  /** Once for all the watches that one tick adds, and at most once in `GATHER_MS`: breaking off a poll costs its connection. */
  #askAgain(): void {
    if (this.#coalescing) return
    this.#coalescing = true
    const ask = (): void => {
      this.#coalescing = false
      if (this.#closed) return
      this.#askedMs = this.#options.clock.now()
      // A plane that hangs has not failed yet.
      this.#disarm()
      this.#disarm = this.#options.clock.background(this.#options.startMs ?? START_MS, () => this.#useKept())
      if (this.#following === undefined) this.#begin()
      else this.#following.again()
    }
    const { clock } = this.#options
    const waitMs = this.#askedMs + GATHER_MS - clock.now()
    if (waitMs > 0) this.#gathered = clock.background(waitMs, ask)
    else void Promise.resolve().then(ask)
  }

  #request(): PlaneRequest {
    const asked = [...this.#watches.keys()].sort().map((name) => `service=${encodeURIComponent(name)}`)
    this.#asked = asked.join('&')
    // The mark of another question says nothing about this one.
    const etag = this.#etag?.asked === this.#asked ? this.#etag.value : undefined
    const path = `/v1/endpoints${this.#asked === '' ? '' : `?${this.#asked}`}`
    return { method: 'GET', path, etag, waitMs: this.#options.waitMs ?? 30_000, auth: 'identity' }
  }

  #answered({ body, etag }: PlaneAnswer): void {
    const sets = readSets(body, new URLSearchParams(this.#asked).getAll('service'), this.#sets)
    this.#etag = { asked: this.#asked, value: etag }
    this.#source = 'plane'
    this.#take(sets, this.#heard())
    this.#kept.keep((body as EndpointsWire).services, sets.known)
    this.#first.settle()
  }

  #take({ services, known }: PlaneSets, again = false): void {
    if (known.join() !== this.#known.join()) {
      this.#known = known
      for (const listener of this.#knownListeners) listener()
    }
    for (const [service, set] of services) {
      const before = this.#sets.get(service)
      const same = sameSet(before, set)
      if (same && !again) continue
      const current = same ? (before as EndpointSet) : set
      this.#sets.set(service, current)
      for (const { onSet } of [...(this.#watches.get(service) ?? [])]) onSet(current)
    }
  }

  #unchanged(): void {
    if (this.#heard()) this.#take({ services: this.#sets, known: this.#known }, true)
  }

  /** Whether watches had been told of a failure: they learn from a set, the same one though it be, that it is over. */
  #heard(): boolean {
    const failed = this.#problem !== undefined
    if (failed) this.#options.log.info('the plane answers again')
    this.#problem = undefined
    this.#heardMs = this.#options.clock.now()
    return failed
  }

  #failed(error: unknown): void {
    const message = wordsOf(error)
    if (message !== this.#problem) this.#options.log.warn(`no endpoints from the plane: ${message}`)
    this.#problem = message
    this.#useKept()
    const told = isMeshError(error) ? error : new MeshError('TULLE_PLANE', message, { cause: error })
    for (const watches of this.#watches.values()) for (const { onError } of [...watches]) onError(told)
    if (this.#kept.current !== undefined) this.#first.settle()
  }

  /** For what the plane has not told in this run. */
  #useKept(): void {
    const kept = this.#kept.current
    if (kept === undefined) return
    if (this.#source === 'none') {
      this.#source = 'kept'
      this.#heardMs = this.#options.clock.now() - kept.ageMs
      this.#options.log.warn(`endpoints as kept ${Math.round(kept.ageMs / 1000)} s ago are in use`)
    }
    const planeAnswered = this.#source === 'plane'
    const missing = [...kept.sets.services].filter(
      ([name]) => !this.#sets.has(name) && (!planeAnswered || this.#watches.has(name)),
    )
    const known = planeAnswered ? this.#known : kept.sets.known
    this.#take({ services: new Map(missing), known })
  }
}
