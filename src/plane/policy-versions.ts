import { MeshError } from '../core/errors.ts'
import type { Logger } from '../core/ports.ts'
import { headOf, type PolicyVersion, type PolicyVersionHead, readVersion } from './policy-version.ts'
import type { Store } from './store.ts'

/** What their keys begin with. */
export const VERSIONS = 'policy/versions/'

/** The versions in the store, which others may write too. Numbers only grow, and the newest is never removed. */
export class PolicyVersions {
  readonly #store: Store
  readonly #log: Logger
  readonly #heads = new Map<number, PolicyVersionHead>()
  #sequences: readonly number[] = []

  constructor(store: Store, log: Logger) {
    this.#store = store
    this.#log = log
  }

  /** Looks which there are. @returns the newest; 0: none */
  async look(): Promise<number> {
    const keys = await this.#store.list(VERSIONS)
    this.#sequences = keys.map((key) => Number(key.slice(VERSIONS.length))).filter(Number.isSafeInteger)
    // Others remove versions too.
    for (const sequence of this.#heads.keys()) if (!this.has(sequence)) this.#heads.delete(sequence)
    return this.newest
  }

  /** As of the last look. */
  get newest(): number {
    return this.#sequences.at(-1) ?? 0
  }

  has(sequence: number): boolean {
    return this.#sequences.includes(sequence)
  }

  /** Undefined: it is there no more. Rejects with TULLE_STATE where it is damaged. */
  async read(sequence: number): Promise<PolicyVersion | undefined> {
    const key = keyOf(sequence)
    const bytes = await this.#store.read(key)
    if (bytes === undefined) return undefined
    try {
      return readVersion(bytes, sequence)
    } catch (error) {
      throw new MeshError(
        'TULLE_STATE',
        `version ${sequence} of the policy (${key} in ${this.#store.place}) is damaged: ${(error as Error).message}`,
        { layer: 'plane', hint: 'Put it back from a backup, or remove it and push the policy again.' },
      )
    }
  }

  /** False: somebody else has made one of this number, or the newest we know is gone, so that there are later ones. */
  async create(version: PolicyVersion): Promise<boolean> {
    const { sequence } = version
    const over = this.newest === 0 ? undefined : keyOf(this.newest)
    const bytes = new TextEncoder().encode(JSON.stringify(version))
    if (!(await this.#store.create(keyOf(sequence), bytes, over))) return false
    this.#sequences = [...this.#sequences, sequence]
    return true
  }

  /** Newest first. A damaged version is left out. */
  async heads(limit: number): Promise<PolicyVersionHead[]> {
    const heads: PolicyVersionHead[] = []
    // One at a time: together they may be larger than memory.
    for (const sequence of this.#sequences.slice(-limit).reverse()) {
      try {
        const head = this.#heads.get(sequence) ?? (await this.#head(sequence))
        if (head !== undefined) heads.push(head)
      } catch (error) {
        this.#log.error('a version of the policy cannot be read', { sequence, message: String(error) })
      }
    }
    return heads
  }

  /** Oldest first, so that of any two that were there the later is never gone before the earlier. */
  async forget(keep: number): Promise<void> {
    for (const sequence of this.#sequences.slice(0, -keep)) {
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

  async #head(sequence: number): Promise<PolicyVersionHead | undefined> {
    const version = await this.read(sequence)
    if (version === undefined) return undefined
    const head = headOf(version)
    this.#heads.set(sequence, head)
    return head
  }
}

/** Padded, so that the order of the keys is that of the versions. */
function keyOf(sequence: number): string {
  return `${VERSIONS}${String(sequence).padStart(12, '0')}`
}
