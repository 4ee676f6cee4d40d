import { dirname, resolve } from 'node:path'
import { MeshError } from '../core/errors.ts'
import type { Clock } from '../core/ports.ts'
import type { SourceDocument } from '../policy/document.ts'
import type { Parsed } from '../policy/parse.ts'
import { policyError } from '../policy/problem.ts'
import { contentVersion } from './document.ts'
import type { PolicyFeed, PolicyUpdate } from './feed.ts'
import { fingerprint, type Listing, readPolicyPath } from './files.ts'
import { type Found, LastGood } from './last-good.ts'
import { FolderWatch } from './watch.ts'

export interface PolicyFileOptions {
  /** A document, or a folder of them. */
  readonly path: string
  /** Made by `createParser`. */
  readonly parse: (source: SourceDocument) => Parsed
  readonly clock: Clock
  /** How long a file must stay the same before it is taken for whole, in milliseconds; default 50. */
  readonly settleMs?: number | undefined
  /** How often the files are looked at where the system reports nothing, in milliseconds; default 2000. */
  readonly pollMs?: number | undefined
}

/**
 * Policy from a file or a folder, watched live. Editors that rename over, swapped symbolic links (Kubernetes) and
 * half-written files are why a change is only taken when two readings `settleMs` apart agree.
 *
 * At the start there must be something to begin with: a file without a mistake, or a folder with at least one such
 * document; else `start` rejects with TULLE_POLICY. Later a document with a mistake keeps its last good form. A file
 * that disappears from a folder takes its policy with it; when the file itself, the folder, or the last document in
 * it disappears, everything stays in force and the problem says so.
 */
export class PolicyFileSource implements PolicyFeed {
  readonly name = 'policy'
  readonly #path: string
  readonly #clock: Clock
  readonly #settleMs: number
  readonly #pollMs: number
  readonly #lastGood: LastGood
  readonly #listeners = new Set<(update: PolicyUpdate) => void>()
  #watch: FolderWatch | undefined
  #current: PolicyUpdate | undefined
  #closed = false
  #disarmPoll: (() => void) | undefined
  #disarmCheck: (() => void) | undefined
  /** Checks run one after the other; this is the last of them. */
  #checked: Promise<void> = Promise.resolve()
  #fingerprint = ''
  /** Digests of what was read last and of what is in force; the reading is settled when two in a row were the same. */
  #read = ''
  #applied = ''
  #settled = true

  constructor({ path, parse, clock, settleMs = 50, pollMs = 2000 }: PolicyFileOptions) {
    this.#path = path
    this.#clock = clock
    this.#settleMs = settleMs
    this.#pollMs = pollMs
    this.#lastGood = new LastGood(parse)
  }

  get current(): PolicyUpdate | undefined {
    return this.#current
  }

  onUpdate(listener: (update: PolicyUpdate) => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  async start(signal: AbortSignal): Promise<void> {
    if (this.#closed) throw new MeshError('TULLE_CLOSED', 'the policy source is closed', { layer: 'policy' })
    this.#fingerprint = await fingerprint(this.#path)
    const listing = await readPolicyPath(this.#path)
    signal.throwIfAborted()
    const update = this.#judge(listing)
    if (update.documents.length === 0) throw policyError(update.problems)
    this.#current = update
    this.#applied = this.#read = digest(listing)
    if (this.#closed) return
    const folder = listing.kind === 'folder' ? this.#path : dirname(resolve(this.#path))
    this.#watch = new FolderWatch(folder, () => this.#suspect())
    this.#watch.renew()
    this.#poll()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#disarmPoll?.()
    this.#disarmCheck?.()
    this.#watch?.close()
    this.#listeners.clear()
    await this.#checked
  }

  #poll(): void {
    this.#disarmPoll = this.#clock.background(this.#pollMs, () => {
      this.#watch?.renew()
      this.#run()
      this.#poll()
    })
  }

  /** Something may have changed. Other files in the folder may change all the time, so this never postpones a check. */
  #suspect(): void {
    if (this.#closed || this.#disarmCheck !== undefined) return
    this.#disarmCheck = this.#clock.background(this.#settleMs, () => {
      this.#disarmCheck = undefined
      this.#run()
    })
  }

  #run(): void {
    this.#checked = this.#checked.then(() => this.#check())
  }

  async #check(): Promise<void> {
    const now = await fingerprint(this.#path)
    if (this.#closed || (this.#settled && now === this.#fingerprint)) return
    const listing = await readPolicyPath(this.#path)
    if (this.#closed) return
    const read = digest(listing)
    this.#settled = read === this.#read
    this.#fingerprint = now
    this.#read = read
    if (!this.#settled) this.#suspect()
    else if (read !== this.#applied) this.#apply(listing, read)
  }

  #apply(listing: Listing, read: string): void {
    this.#applied = read
    const update = this.#judge(listing)
    this.#current = update
    for (const listener of this.#listeners) listener(update)
  }

  #judge(listing: Listing): PolicyUpdate {
    const kept = this.#current === undefined ? '' : '; the last good policy stays in force'
    if (listing.kind === 'missing') return this.#lastGood.keep(this.#path, `${listing.why}${kept}`)
    if (listing.documents.size === 0)
      return this.#lastGood.keep(this.#path, `no *.yaml, *.yml or *.json in this folder${kept}`)
    return this.#lastGood.take(listing.documents)
  }
}

function digest(listing: Listing): string {
  if (listing.kind === 'missing') return `missing ${listing.why}`
  const marks = [...listing.documents].map(([name, found]) => `${name} ${markOf(found)}`)
  return [listing.kind, ...marks].join('\n')
}

function markOf(found: Found): string {
  return 'unreadable' in found ? found.unreadable : contentVersion(found)
}
