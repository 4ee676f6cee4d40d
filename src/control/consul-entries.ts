import { type ConsulLink, ConsulRefusal } from '../core/consul.ts'
import { isMeshError, MeshError } from '../core/errors.ts'
import { FirstAnswer } from '../core/first-answer.ts'
import type { StateStore } from '../core/plane.ts'
import type { Clock, Logger, Part, Random } from '../core/ports.ts'
import { wordsOf } from '../core/words.ts'
import { type ConsulBase, consulBase } from '../policy/consul/base.ts'
import { ENTRY_KINDS, type Entries, type EntryKind } from '../policy/consul/entry.ts'
import { type NotHonoured, notHonouredText } from '../policy/consul/not-honoured.ts'
import type { AnyPiece } from '../policy/schema.ts'
import { ConsulKind } from './consul-kind.ts'
import { contentVersion } from './document.ts'
import { keepConsulEntries, readKeptConsulEntries } from './kept-consul-entries.ts'
import { keptWords } from './kept-json.ts'

export interface ConsulEntriesOptions {
  readonly link: Pick<ConsulLink, 'send' | 'address' | 'onReachable'>
  /** Our own name. */
  readonly service: string
  readonly pieces: readonly AnyPiece[]
  /** Where the last good entries are kept; undefined: nowhere. */
  readonly store?: StateStore | undefined
  readonly clock: Clock
  readonly wall: () => number
  readonly random: Random
  readonly log: Logger
  /** How long a start waits for the agent, in milliseconds; default 3000. */
  readonly startMs?: number | undefined
}

export interface ConsulEntriesStatus {
  /** Where what is in force came from; `none`: not started. */
  readonly source: 'consul' | 'kept' | 'none'
  /** Since the agent last said something about entries; undefined: it never did. */
  readonly ageMs: number | undefined
  /** How many there are, by kind. */
  readonly entries: Readonly<Record<string, number>>
  /** Entries that are refused, and why nothing new comes; one line each. */
  readonly problems: readonly string[]
  readonly notHonoured: readonly NotHonoured[]
  /** Kinds that this agent does not know. */
  readonly unknownKinds: readonly string[]
}

const MAX_LOGGED = 20

/**
 * Consul's config entries as what stands below our policy: one blocking query per kind. `start` goes on with what the
 * agent says or with what an earlier run kept, and rejects with TULLE_CONSUL where of some kind there is neither. After
 * that nothing takes a good entry away but its deletion.
 */
export class ConsulEntries implements Part {
  readonly name = 'consul-entries'
  readonly #options: ConsulEntriesOptions
  /** Of the latest start: one that failed may be tried again. */
  #kinds: readonly ConsulKind<EntryKind>[] = []
  readonly #restored = new Set<EntryKind>()
  readonly #listeners = new Set<(base: ConsulBase) => void>()
  readonly #told = new Set<string>()
  #base: ConsulBase
  #heardMs: number | undefined
  #begun = false
  #closed = false
  readonly #first = new FirstAnswer()
  #saved = ''
  #keptProblem: string | undefined
  #saving: Promise<void> = Promise.resolve()

  constructor(options: ConsulEntriesOptions) {
    this.#options = options
    this.#base = this.#made()
  }

  /** For `compile`; before `start` it says nothing. */
  get base(): ConsulBase {
    return this.#base
  }

  status(): ConsulEntriesStatus {
    const { clock } = this.#options
    const heard = this.#heardMs
    return {
      source: !this.#begun ? 'none' : this.#kinds.every((kind) => kind.heard) ? 'consul' : 'kept',
      ageMs: heard === undefined ? undefined : Math.max(0, clock.now() - heard),
      entries: Object.fromEntries(this.#kinds.map(({ kind, entries }) => [kind, entries.size])),
      problems: [...new Set(this.#kinds.flatMap(({ problems }) => problems))],
      notHonoured: this.#base.notHonoured,
      unknownKinds: this.#kinds.filter(({ unknown }) => unknown).map(({ kind }) => kind),
    }
  }

  /** Calls back when what `base` says has changed, after `start`. Returns the removal. A listener must not throw. */
  onChange(listener: (base: ConsulBase) => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  async start(signal: AbortSignal): Promise<void> {
    const { clock, startMs = 3000 } = this.#options
    this.#closed = false
    this.#begun = false
    this.#kinds = this.#fresh()
    await this.#restore()
    signal.throwIfAborted()
    this.#throwIfClosed()
    await this.#first.wait(clock, startMs, signal, () => {
      for (const kind of this.#kinds) kind.follow()
    })
    const missing = this.#kinds.find((kind) => !kind.heard && !this.#restored.has(kind.kind))
    if (signal.aborted || missing !== undefined) await this.close()
    signal.throwIfAborted()
    if (missing !== undefined) throw this.#noStart(missing)
    this.#throwIfClosed()
    this.#begun = true
    this.#remake()
    if (this.#kinds.some((kind) => !kind.heard))
      this.#options.log.warn('Consul’s config entries are those of an earlier run', {
        problems: this.status().problems,
      })
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const kind of this.#kinds) kind.stop()
    this.#first.settle()
    await this.#saving
  }

  #throwIfClosed(): void {
    if (this.#closed) throw new MeshError('TULLE_CLOSED', 'the entries are closed', { layer: 'policy' })
  }

  #fresh(): readonly ConsulKind<EntryKind>[] {
    const { link, clock, random } = this.#options
    const onChange = () => this.#changed()
    const onHeard = () => {
      this.#heardMs = clock.now()
    }
    this.#restored.clear()
    return ENTRY_KINDS.map((kind) => new ConsulKind({ kind, link, clock, random, onChange, onHeard }))
  }

  #changed(): void {
    if (this.#begun) this.#remake()
    // With something to go on with there is nothing to wait for.
    const settled = this.#kinds.every(
      (kind) => kind.heard || (kind.error !== undefined && this.#restored.has(kind.kind)),
    )
    if (settled) this.#first.settle()
  }

  #remake(): void {
    this.#keep()
    const before = this.#base
    this.#base = this.#made()
    this.#tell()
    if (before.version === this.#base.version) return
    for (const listener of this.#listeners) listener(this.#base)
  }

  #made(): ConsulBase {
    const { service, pieces } = this.#options
    const entries = Object.fromEntries(this.#kinds.map((kind) => [kind.kind, kind.entries])) as Entries
    return consulBase(entries, { service, pieces, digest: contentVersion })
  }

  /** Each thing once, for as long as it stays. */
  #tell(): void {
    const { log } = this.#options
    const texts = [
      ...this.#kinds.flatMap(({ problems }) => problems),
      ...this.#base.notHonoured.map((one) => `not honoured: ${notHonouredText(one)}`),
    ]
    const fresh = [...new Set(texts)].filter((text) => !this.#told.has(text))
    this.#told.clear()
    for (const text of texts) this.#told.add(text)
    for (const text of fresh.slice(0, MAX_LOGGED)) log.warn(`Consul’s config entries: ${text}`)
    if (fresh.length > MAX_LOGGED)
      log.warn(`Consul’s config entries: ${fresh.length - MAX_LOGGED} more, see health or tulle explain`)
  }

  #noStart(missing: ConsulKind<EntryKind>): MeshError {
    const { link } = this.#options
    const { error, kind } = missing
    const why = error instanceof Error ? error.message : 'no answer yet'
    const denied = error instanceof ConsulRefusal && error.status === 403
    const hint = denied ? 'The ACL token needs: service_prefix "" { policy = "read" }' : undefined
    return new MeshError(
      'TULLE_CONSUL',
      `no config entries (${kind}) from Consul at ${link.address}: ${why}; ${keptWords(this.#keptProblem)}`,
      { layer: 'policy', cause: error, hint: hint ?? (isMeshError(error) ? error.hint : undefined) },
    )
  }

  async #restore(): Promise<void> {
    const { store, log, clock, wall } = this.#options
    if (store === undefined) return
    this.#keptProblem = undefined
    try {
      const kept = await readKeptConsulEntries(store)
      if (kept === undefined) return
      for (const kind of this.#kinds) {
        // What is not there is a kind that an older version of tulle did not read.
        kind.restore(kept.entries.get(kind.kind) ?? [])
        this.#restored.add(kind.kind)
      }
      this.#heardMs = clock.now() - Math.max(0, wall() - kept.savedMs)
    } catch (error) {
      const why = wordsOf(error)
      this.#keptProblem = why
      log.error(`the config entries of an earlier run are not used: ${why}`)
    }
  }

  #keep(): void {
    const { store, wall, log } = this.#options
    if (store === undefined) return
    const entries = new Map(this.#kinds.map(({ kind, raw }) => [kind, raw]))
    const content = JSON.stringify([...entries])
    if (content === this.#saved) return
    this.#saved = content
    const kept = { savedMs: wall(), entries }
    this.#saving = this.#saving
      .then(() => keepConsulEntries(store, kept))
      .catch((error: unknown) => log.error(`the config entries could not be kept: ${String(error)}`))
  }
}
