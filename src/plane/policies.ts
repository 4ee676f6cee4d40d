import { MeshError } from '../core/errors.ts'
import type { PolicyWire } from '../core/plane-wire.ts'
import type { Clock, Logger } from '../core/ports.ts'
import type { Problem } from '../policy/problem.ts'
import type { PolicyCheck } from './policy-check.ts'
import { PolicyRefusal } from './policy-refusal.ts'
import {
  hashOf,
  headOf,
  NO_POLICY,
  type PolicyVersion,
  type PolicyVersionHead,
  readVersion,
  textsOf,
} from './policy-version.ts'
import { Refusal } from './refusal.ts'
import type { Store } from './store.ts'
import { Turns } from './turns.ts'
import { Watchers } from './watchers.ts'

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

export interface Push {
  /** Text null removes a document. */
  readonly documents: readonly { readonly name: string; readonly text: string | null }[]
  /** Whether what is not named goes; default false. */
  readonly replace?: boolean | undefined
  readonly author: string
  readonly message: string
  /** The sequence the author has seen: refused where another is in force. */
  readonly expected?: number | undefined
}

export interface Pushed {
  readonly sequence: number
  /** False: nothing would have changed, so there is no new version. */
  readonly changed: boolean
}

const PREFIX = 'policy/versions/'
const MAX_DOCUMENTS = 2000
const MAX_BYTES = 16 * 1024 * 1024
const NAME = /^[\w@][\w@.+-]*(?:\/[\w@][\w@.+-]*)*$/
const ALL = 'policy'

/**
 * The policy, version by version. A push is judged whole with the clients' own parsers and refused whole; a version is
 * one atomic write, told to subscribers once it is durable. Sequences only grow, and the newest is never removed, so no
 * number is ever used twice.
 */
export class Policies {
  readonly #store: Store
  readonly #check: PolicyCheck
  readonly #wall: () => number
  readonly #log: Logger
  readonly #keep: number
  readonly #watchers: Watchers
  /** Mutations one after the other: each is judged against what the one before has left. */
  readonly #turns = new Turns(1)
  #current: PolicyVersion = NO_POLICY
  #sequences: number[] = []
  readonly #heads = new Map<number, PolicyVersionHead>()
  #wire: string | undefined

  constructor({ store, check, clock, wall, log, keep = 200 }: PoliciesOptions) {
    this.#store = store
    this.#check = check
    this.#wall = wall
    this.#log = log
    this.#keep = Math.max(1, keep)
    this.#watchers = new Watchers(clock, 0)
  }

  /** Rejects with TULLE_STATE where the newest version is damaged: an older one must not come into force by itself. */
  async load(): Promise<void> {
    const keys = await this.#store.list(PREFIX)
    this.#sequences = keys.map((key) => Number(key.slice(PREFIX.length))).filter(Number.isSafeInteger)
    const newest = this.#sequences.at(-1)
    if (newest === undefined) return
    this.#current = await this.#read(newest)
    const problems = this.#check.take(textsOf(this.#current))
    if (problems.length > 0)
      this.#log.error('the stored policy has mistakes by the rules of this version of tulle; it stays', {
        sequence: newest,
        problems: problems.length,
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
   * Rejects with a PolicyRefusal holding every problem, with a Refusal (409) where `expected` is not in force, with
   * TULLE_STATE where it cannot be kept; then nothing has changed.
   */
  push({ documents, replace = false, author, message, expected }: Push): Promise<Pushed> {
    return this.#turns.run(ALL, async () => {
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
    return this.#turns.run(ALL, async () =>
      this.#commit(textsOf(await this.version(to)), { ...by, rollbackTo: to }),
    )
  }

  /** Rejects with a Refusal (404) for one that never was or is kept no more. */
  async version(sequence: number): Promise<PolicyVersion> {
    if (sequence === this.#current.sequence) return this.#current
    if (!this.#sequences.includes(sequence))
      throw new Refusal('unknown', `there is no version ${sequence}; the last ${this.#keep} are kept`)
    return this.#read(sequence)
  }

  /** Newest first. A damaged version is left out. */
  async history(limit = this.#keep): Promise<PolicyVersionHead[]> {
    const heads: PolicyVersionHead[] = []
    // One at a time: together they may be larger than memory.
    for (const sequence of this.#sequences.slice(-limit).reverse()) {
      try {
        const head = this.#heads.get(sequence) ?? headOf(await this.version(sequence))
        this.#heads.set(sequence, head)
        heads.push(head)
      } catch (error) {
        this.#log.error('a version of the policy cannot be read', { sequence, message: String(error) })
      }
    }
    return heads
  }

  async close(): Promise<void> {
    this.#watchers.close()
    await this.#turns.idle()
  }

  #mustBe(expected: number | undefined): void {
    const { sequence, author } = this.#current
    if (expected === undefined || expected === sequence) return
    throw new Refusal(
      'conflict',
      `version ${sequence} by ${author || 'nobody'} is in force, not ${expected}`,
      {
        hint: 'Look at what has changed (tulle policy diff), then push again.',
      },
    )
  }

  async #commit(
    texts: ReadonlyMap<string, string>,
    about: { readonly author: string; readonly message: string; readonly rollbackTo?: number },
  ): Promise<Pushed> {
    const hash = hashOf(texts)
    const { sequence: before } = this.#current
    if (hash === this.#current.hash) return { sequence: before, changed: false }
    const previous = textsOf(this.#current)
    const problems = [...tooMuch(texts), ...this.#check.take(texts)]
    if (problems.length > 0) throw new PolicyRefusal(problems)
    const documents = [...texts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, text]) => ({ name, text }))
    const sequence = before + 1
    const version: PolicyVersion = { sequence, hash, ...about, at: this.#wall(), documents }
    try {
      await this.#store.write(keyOf(sequence), new TextEncoder().encode(JSON.stringify(version)))
    } catch (error) {
      this.#check.take(previous)
      throw error
    }
    this.#current = version
    this.#wire = undefined
    this.#sequences.push(sequence)
    this.#watchers.changed(ALL)
    await this.#forgetOld()
    return { sequence, changed: true }
  }

  async #forgetOld(): Promise<void> {
    for (const sequence of this.#sequences.slice(0, -this.#keep)) {
      try {
        await this.#store.remove(keyOf(sequence))
        this.#sequences = this.#sequences.filter((one) => one !== sequence)
        this.#heads.delete(sequence)
      } catch (error) {
        this.#log.error('an old version of the policy could not be removed', {
          sequence,
          message: String(error),
        })
        return
      }
    }
  }

  async #read(sequence: number): Promise<PolicyVersion> {
    const key = keyOf(sequence)
    const bytes = await this.#store.read(key)
    try {
      return readVersion(bytes ?? new Uint8Array(), sequence)
    } catch (error) {
      throw new MeshError(
        'TULLE_STATE',
        `version ${sequence} of the policy (${key} in ${this.#store.place}) is damaged: ${(error as Error).message}`,
        { layer: 'plane', hint: 'Put it back from a backup, or remove it and push the policy again.' },
      )
    }
  }
}

function namesIn(documents: Push['documents']): Problem[] {
  const seen = new Set<string>()
  const problems: Problem[] = []
  for (const { name } of documents) {
    if (!NAME.test(name) || name.length > 200)
      problems.push({
        path: '',
        message: 'a document is named by letters, digits and _ - . @ + and /',
        file: name,
      })
    else if (seen.has(name))
      problems.push({ path: '', message: 'this document is in the push twice', file: name })
    seen.add(name)
  }
  return problems
}

function tooMuch(texts: ReadonlyMap<string, string>): Problem[] {
  const bytes = [...texts.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  const message =
    texts.size > MAX_DOCUMENTS
      ? `${texts.size} documents; at most ${MAX_DOCUMENTS} are accepted`
      : bytes > MAX_BYTES
        ? `${bytes} bytes of policy; at most ${MAX_BYTES} are accepted`
        : undefined
  return message === undefined ? [] : [{ path: '', message, file: '' }]
}

/** Sequences may come back from a backup with another content: the hash makes that another version. */
function etagOf({ sequence, hash }: PolicyVersion): string {
  return `${sequence}.${hash.slice(0, 16)}`
}

/** Padded, so that the order of the keys is that of the versions. */
function keyOf(sequence: number): string {
  return `${PREFIX}${String(sequence).padStart(12, '0')}`
}
