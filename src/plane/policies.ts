import type { PolicyWire } from '../core/plane-wire.ts'
import type { Clock, Logger } from '../core/ports.ts'
import { Looking } from './looking.ts'
import type { PolicyCheck } from './policy-check.ts'
import { namesIn, type Push, type Pushed, tooMuch } from './policy-push.ts'
import { PolicyRefusal } from './policy-refusal.ts'
import { hashOf, NO_POLICY, type PolicyVersion, type PolicyVersionHead, textsOf } from './policy-version.ts'
import { PolicyVersions, VERSIONS } from './policy-versions.ts'
import { Refusal } from './refusal.ts'
import type { Store } from './store.ts'
import { Turns } from './turns.ts'
import { Watchers } from './watchers.ts'

export type { Push, Pushed } from './policy-push.ts'

export interface PoliciesOptions {
  readonly store: Store
  readonly check: PolicyCheck
  readonly clock: Clock
  /** Wall-clock milliseconds. */
  readonly wall: () => number
  readonly log: Logger
  /** How many versions are kept; default 200. */
  readonly keep?: number | undefined
}

const ALL = 'policy'

/**
 * The policy, version by version. A push is judged whole with the clients' own parsers and refused whole; a version is
 * one atomic write, told to subscribers once it is durable. Sequences only grow, and the newest is never removed, so no
 * number is ever used twice.
 *
 * The store may have other writers. What they have made is looked at before each step and whenever it tells of a
 * change; of two who make the next version at one moment, one is refused.
 */
export class Policies {
  readonly #store: Store
  readonly #versions: PolicyVersions
  readonly #check: PolicyCheck
  readonly #clock: Clock
  readonly #wall: () => number
  readonly #log: Logger
  readonly #keep: number
  readonly #watchers: Watchers
  /** Mutations one after the other: each is judged against what the one before has left. */
  readonly #turns = new Turns(1)
  #current: PolicyVersion = NO_POLICY
  #wire: string | undefined
  #looking: Looking | undefined

  constructor({ store, check, clock, wall, log, keep = 200 }: PoliciesOptions) {
    this.#store = store
    this.#versions = new PolicyVersions(store, log)
    this.#check = check
    this.#clock = clock
    this.#wall = wall
    this.#log = log
    this.#keep = Math.max(1, keep)
    this.#watchers = new Watchers(clock, 0)
  }

  /** Rejects with TULLE_STATE where the newest version is damaged: an older one must not come into force by itself. */
  async load(): Promise<void> {
    await this.#look()
    this.#looking = new Looking({
      store: this.#store,
      prefix: VERSIONS,
      clock: this.#clock,
      look: () => this.#turns.run(ALL, () => this.#look()),
      onError: ({ message }) => this.#log.warn('a change of the policy cannot be looked at yet', { message }),
    })
  }

  get current(): PolicyVersion {
    return this.#current
  }

  get etag(): string {
    return etagOf(this.#current)
  }

  /** `policyWire` as JSON, made once per version. */
  json(): string {
    const { sequence, documents } = this.#current
    this.#wire ??= JSON.stringify({ sequence, documents } satisfies PolicyWire)
    return this.#wire
  }

  /** Calls back once, at the next version. @returns the removal */
  onChange(wake: () => void): () => void {
    return this.#watchers.add([ALL], wake)
  }

  /**
   * Rejects with a PolicyRefusal holding every problem, with a Refusal (409) where `expected` is not in force or another
   * writer came first, with TULLE_STATE or TULLE_CONSUL where it cannot be kept; then nothing has changed.
   */
  push({ documents, replace = false, author, message, expected }: Push): Promise<Pushed> {
    return this.#turns.run(ALL, async () => {
      await this.#look()
      this.#mustBe(expected)
      const texts = replace ? new Map<string, string>() : textsOf(this.#current)
      const problems = namesIn(documents)
      for (const { name, text } of documents) {
        if (text === null) texts.delete(name)
        else texts.set(name, text)
      }
      if (problems.length > 0) throw new PolicyRefusal(problems)
      return this.#commit(texts, { author, message })
    })
  }

  /** A new version with the content of an old one. Rejects as `push` does; with a Refusal (404) for one not kept. */
  rollback(to: number, by: { readonly author: string; readonly message: string }): Promise<Pushed> {
    return this.#turns.run(ALL, async () => {
      await this.#look()
      return this.#commit(textsOf(await this.version(to)), { ...by, rollbackTo: to })
    })
  }

  /** Rejects with a Refusal (404) for one that never was or is kept no more. */
  async version(sequence: number): Promise<PolicyVersion> {
    if (sequence === this.#current.sequence) return this.#current
    if (!this.#versions.has(sequence)) await this.#versions.look()
    const found = this.#versions.has(sequence) ? await this.#versions.read(sequence) : undefined
    if (found !== undefined) return found
    throw new Refusal('unknown', `there is no version ${sequence}; the last ${this.#keep} are kept`)
  }

  /** Newest first. A damaged version is left out. */
  async history(limit = this.#keep): Promise<PolicyVersionHead[]> {
    await this.#versions.look()
    return this.#versions.heads(limit)
  }

  async close(): Promise<void> {
    this.#looking?.close()
    this.#watchers.close()
    await this.#turns.idle()
  }

  #mustBe(expected: number | undefined): void {
    if (expected === undefined || expected === this.#current.sequence) return
    throw this.#conflict(`not ${expected}`)
  }

  #conflict(butNot: string): Refusal {
    const { sequence, author } = this.#current
    return new Refusal(
      'conflict',
      `version ${sequence} by ${author || 'nobody'} is in force, ${butNot}; nothing was changed`,
      { hint: 'Look at what has changed (tulle policy diff), then push again.' },
    )
  }

  async #commit(
    texts: ReadonlyMap<string, string>,
    about: { readonly author: string; readonly message: string; readonly rollbackTo?: number },
  ): Promise<Pushed> {
    const hash = hashOf(texts)
    const { sequence: before } = this.#current
    const { newest } = this.#versions
    if (hash === this.#current.hash && newest === before) return { sequence: before, changed: false }
    const previous = textsOf(this.#current)
    const problems = [...tooMuch(texts), ...this.#check.take(texts)]
    if (problems.length > 0) throw new PolicyRefusal(problems)
    const documents = [...texts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, text]) => ({ name, text }))
    const sequence = before + 1
    const version: PolicyVersion = { sequence, hash, ...about, at: this.#wall(), documents }
    let created: boolean
    try {
      created = await this.#versions.create(version)
    } catch (error) {
      this.#check.take(previous)
      throw error
    }
    if (!created) {
      this.#check.take(previous)
      await this.#look()
      throw this.#conflict('and came at the same moment')
    }
    this.#enforce(version)
    await this.#versions.forget(this.#keep)
    return { sequence, changed: true }
  }

  #enforce(version: PolicyVersion): void {
    this.#current = version
    this.#wire = undefined
    this.#watchers.changed(ALL)
  }

  /** The newest of the store comes into force, whoever made it. */
  async #look(): Promise<void> {
    const newest = await this.#versions.look()
    const { sequence, hash } = this.#current
    if (newest < sequence) {
      this.#log.error(
        'the store has lost versions of the policy; the one in force stays, and the next has its number after it',
        {
          inForce: sequence,
          newest,
        },
      )
      return
    }
    const found = newest === 0 ? undefined : await this.#versions.read(newest)
    if (found === undefined || (found.sequence === sequence && found.hash === hash)) return
    const problems = this.#check.take(textsOf(found))
    if (problems.length > 0)
      this.#log.error('the stored policy has mistakes by the rules of this version of tulle; it stays', {
        sequence: newest,
        problems: problems.length,
      })
    this.#enforce(found)
  }
}

/** Sequences may come back from a backup with another content: the hash makes that another version. */
function etagOf({ sequence, hash }: PolicyVersion): string {
  return `${sequence}.${hash.slice(0, 16)}`
}
