import type { ConsulAnswer, ConsulLink } from '../../core/consul.ts'
import { followConsul } from '../../core/consul-follow.ts'
import { MeshError } from '../../core/errors.ts'
import type { Clock, Logger, Random } from '../../core/ports.ts'
import { isKey, type Store } from '../store.ts'
import { Turns } from '../turns.ts'
import { ConsulKv, type Entry } from './kv.ts'
import { PARTS } from './parts.ts'
import { sweep } from './sweep.ts'
import { ConsulValues } from './values.ts'

export interface ConsulStoreOptions {
  readonly link: ConsulLink
  /** Every key begins with it and a slash. */
  readonly prefix: string
  readonly clock: Clock
  readonly wall: () => number
  readonly random: Random
  readonly log: Logger
}

/** Requests at one time, so that a burst of writes stays below what an agent gives one client (200 connections). */
const AT_ONCE = 16
const SWEEP_MS = 3_600_000

/**
 * State in Consul's KV store: any number of processes write it, none is special. Every write stands on what it replaces
 * (`ModifyIndex`), also an unconditional one, so that a request that was given up and comes late changes nothing that is
 * there; that nothing comes where something was removed meanwhile, the key it is created over sees to. A value that is
 * larger than Consul takes is kept in parts (`values.ts`).
 */
export class ConsulStore implements Store {
  readonly place: string
  readonly #options: ConsulStoreOptions
  readonly #kv: ConsulKv
  readonly #values: ConsulValues
  readonly #turns = new Turns(AT_ONCE)
  readonly #watches = new Set<() => void>()
  #disarm = (): void => {}
  #closed = false

  private constructor(options: ConsulStoreOptions) {
    this.#options = options
    this.#kv = new ConsulKv(options)
    this.#values = new ConsulValues(this.#kv, options.wall)
    this.place = this.#kv.place
  }

  /** Rejects with TULLE_CONSUL where the agent does not answer, or does not let us. */
  static async open(options: ConsulStoreOptions): Promise<ConsulStore> {
    const store = new ConsulStore(options)
    // Lists are empty for who may not read; a key that is not there says the truth.
    await store.#kv.get('tulle')
    store.#sweep()
    return store
  }

  async read(key: string): Promise<Uint8Array | undefined> {
    this.#mustBe(key)
    return this.#values.read(key)
  }

  async list(prefix: string): Promise<string[]> {
    this.#mustBeOpen()
    return (await this.#kv.keys(prefix)).filter((key) => !key.startsWith(PARTS) && isKey(key))
  }

  async write(key: string, bytes: Uint8Array): Promise<void> {
    this.#mustBe(key)
    await this.#turns.run(key, async () => {
      for (let tried: Entry | undefined | null = null; ; ) {
        const before = await this.#kv.get(key)
        // Refused although nobody else has written: it would be for ever.
        if (tried !== null && tried?.index === before?.index) throw this.#refused(key)
        if ((await this.#values.put(key, bytes, { before })) === 'taken') {
          tried = before
          continue
        }
        if (before !== undefined) await this.#values.dropParts(key, before)
        return
      }
    })
  }

  async create(key: string, bytes: Uint8Array, over?: string): Promise<boolean> {
    this.#mustBe(key)
    if (over !== undefined) this.#mustBe(over)
    return this.#turns.run(key, async () => {
      if ((await this.#values.put(key, bytes, { before: undefined, over })) === 'written') return true
      if (over !== undefined && (await this.#kv.get(over)) === undefined) return false
      if ((await this.#kv.get(key)) !== undefined) return false
      throw new MeshError(
        'TULLE_CONSUL',
        `${key} could not be written to ${this.place}, and nothing is there`,
        {
          layer: 'plane',
          hint: `May its ACL token write? It needs: key_prefix "${this.#options.prefix}/" { policy = "write" }`,
        },
      )
    })
  }

  async remove(key: string): Promise<void> {
    this.#mustBe(key)
    await this.#turns.run(key, async () => {
      for (let tried = 0; ; ) {
        const before = await this.#kv.get(key)
        if (before === undefined || (await this.#values.remove(key, before))) return
        if (tried === before.index) throw this.#refused(key)
        tried = before.index
      }
    })
  }

  /** By a blocking query; while the agent is away nothing is heard, and afterwards everything that was missed. */
  watch(prefix: string, onChange: () => void): () => void {
    const { link, clock, random, log } = this.#options
    let index: number | undefined
    let away = false
    const heard = (answer: ConsulAnswer): void => {
      const first = index === undefined
      const same = answer.index === index
      index = answer.index ?? 0
      if (away) log.info(`the state in ${this.place} is followed again`, { keys: prefix })
      away = false
      if (!first && !same) onChange()
    }
    const following = followConsul({
      link,
      clock,
      random,
      request: () => this.#kv.listing(prefix),
      onAnswer: heard,
      // Names stay what they were where a value is replaced; the index does not.
      onUnchanged: heard,
      onError: (error) => {
        if (!away) log.warn(this.#kv.problem(error).message, { keys: prefix })
        away = true
      },
    })
    const stop = (): void => {
      following.stop()
      this.#watches.delete(stop)
    }
    this.#watches.add(stop)
    return stop
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#disarm()
    for (const stop of [...this.#watches]) stop()
    await this.#turns.idle()
  }

  /** Transactions are refused with 409 for a lack of rights too, and not every agent says so in its first line. */
  #refused(key: string): MeshError {
    const { prefix } = this.#options
    return new MeshError('TULLE_CONSUL', `Consul does not take ${key} in ${this.place}`, {
      layer: 'plane',
      hint: `May its ACL token write? It needs: key_prefix "${prefix}/" { policy = "write" }`,
    })
  }

  #sweep(): void {
    const { clock, wall, log } = this.#options
    sweep(this.#kv, wall).then(
      (removed) => {
        if (removed > 0) log.info(`parts of ${removed} values that were not finished are removed`)
      },
      (error: Error) => log.debug(`what is left over could not be looked for: ${error.message}`),
    )
    this.#disarm = clock.background(SWEEP_MS, () => this.#sweep())
  }

  #mustBe(key: string): void {
    this.#mustBeOpen()
    if (!isKey(key)) throw new TypeError(`not a key of the store: ${JSON.stringify(key)}`)
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new MeshError('TULLE_CLOSED', 'the store is closed', { layer: 'plane' })
  }
}
