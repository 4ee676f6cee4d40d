import { type ConsulAnswer, type ConsulLink, ConsulRefusal, type ConsulRequest } from '../core/consul.ts'
import { followConsul } from '../core/consul-follow.ts'
import type { Following } from '../core/follow.ts'
import type { Clock, Random } from '../core/ports.ts'
import { wordsOf } from '../core/words.ts'
import { type EntryKind, type ReadEntry, readEntry } from '../policy/consul/entry.ts'
import { entriesPath, isUnknownKind, listedEntries } from './consul-entry-list.ts'
import { confirmGone } from './consul-lost.ts'
import type { RawEntry } from './kept-consul-entries.ts'

/** How often an agent is asked for a kind that it does not know, in milliseconds: it may be a newer one by then. */
const UNKNOWN_MS = 600_000

export interface ConsulKindOptions<K extends EntryKind> {
  readonly kind: K
  readonly link: Pick<ConsulLink, 'send' | 'onReachable'>
  readonly clock: Clock
  readonly random: Random
  /** Something is another than before: entries, or what is wrong with them. */
  readonly onChange: () => void
  /** The agent has answered. */
  readonly onHeard: () => void
}

type Entry<K extends EntryKind> = NonNullable<ReadEntry<K>['entry']>

/** The entries of one kind: one blocking query, an entry with a mistake refused alone, its last good form kept. */
export class ConsulKind<K extends EntryKind> {
  readonly kind: K
  readonly #options: ConsulKindOptions<K>
  #entries: ReadonlyMap<string, Entry<K>> = new Map()
  #raw: ReadonlyMap<string, RawEntry> = new Map()
  /** By name of the entry. */
  #mistakes: readonly string[] = []
  #problem: string | undefined
  #following: Following | undefined
  #disarm = (): void => {}
  /** Whether the agent ever answered; else the entries, if any, are those of an earlier run. */
  heard = false
  /** This agent has no such kind: an older Consul. */
  unknown = false
  error: unknown

  constructor(options: ConsulKindOptions<K>) {
    this.kind = options.kind
    this.#options = options
  }

  get entries(): ReadonlyMap<string, Entry<K>> {
    return this.#entries
  }

  /** The last good form of each, to be kept. */
  get raw(): readonly RawEntry[] {
    return [...this.#raw.values()]
  }

  /** One line each: entries that are refused, and why nothing new comes. */
  get problems(): readonly string[] {
    return this.#problem === undefined ? this.#mistakes : [...this.#mistakes, this.#problem]
  }

  /** Takes what an earlier run kept. */
  restore(kept: readonly RawEntry[]): void {
    this.#take(kept)
  }

  follow(): void {
    const { kind, link, clock, random } = this.#options
    this.#following = followConsul({
      link,
      send: (request, signal) => this.#send(request, signal),
      clock,
      random,
      request: () => ({ method: 'GET', path: entriesPath(kind) }),
      onAnswer: (answer) => this.#answered(answer),
      onUnchanged: (answer) => this.#answeredAgain(answer),
      onError: (error) => this.#failed(error),
    })
  }

  stop(): void {
    this.#disarm()
    this.#following?.stop()
  }

  async #send(request: ConsulRequest, signal?: AbortSignal): Promise<ConsulAnswer> {
    const { link, kind } = this.#options
    const answer = await link.send(request, signal)
    const names = new Set(listedEntries(kind, answer.body).map(({ Name }) => Name))
    const gone = [...this.#raw.keys()].filter((name) => !names.has(name))
    const paths = gone.map((name) => ({
      what: `the ${kind} of ${name}`,
      path: `${entriesPath(kind)}/${encodeURIComponent(name)}`,
    }))
    await confirmGone(link, paths, signal)
    return answer
  }

  #answered({ body, filtered }: ConsulAnswer): void {
    this.#take(listedEntries(this.kind, body))
    this.unknown = false
    this.#fine()
    if (filtered) this.#problem = `the ACL token may not read every ${this.kind}`
    this.#options.onHeard()
    this.#options.onChange()
  }

  #answeredAgain(answer: ConsulAnswer): void {
    if (this.error !== undefined) this.#answered(answer)
    else this.#options.onHeard()
  }

  #fine(): void {
    this.heard = true
    this.error = undefined
    this.#problem = undefined
  }

  #take(all: readonly RawEntry[]): void {
    const entries = new Map<string, Entry<K>>()
    const raw = new Map<string, RawEntry>()
    const mistakes: string[] = []
    for (const value of all) {
      const { Name: name } = value
      const { entry, mistake } = readEntry(this.kind, value)
      const good = (entry as Entry<K> | undefined) ?? this.#entries.get(name)
      const text = entry === undefined ? this.#raw.get(name) : value
      if (mistake !== undefined)
        mistakes.push(
          `${this.kind}/${name}: ${mistake}${good === undefined ? '' : '; its last good form stays'}`,
        )
      if (good !== undefined) entries.set(name, good)
      if (text !== undefined) raw.set(name, text)
    }
    this.#entries = entries
    this.#raw = raw
    this.#mistakes = mistakes
  }

  #isUnknown(): void {
    const { clock, onChange } = this.#options
    this.stop()
    this.#disarm = clock.background(UNKNOWN_MS, () => this.follow())
    const news = !this.unknown || this.error !== undefined
    this.unknown = true
    this.#fine()
    if (news) onChange()
  }

  #failed(error: unknown): void {
    if (error instanceof ConsulRefusal && isUnknownKind(error)) {
      this.#isUnknown()
      return
    }
    this.error = error
    const message = wordsOf(error)
    if (message === this.#problem) return
    this.#problem = message
    this.#options.onChange()
  }
}
