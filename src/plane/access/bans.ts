import { z } from 'zod'
import { MeshError } from '../../core/errors.ts'
import { Refusal } from '../refusal.ts'
import type { Store } from '../store.ts'
import { demandServiceName } from './service-name.ts'

const KEY = 'access/bans'
/** The deny list goes to every process, and core/plane-wire.ts takes no longer one. */
const MOST = 10_000

const shape = z.array(
  z.looseObject({ service: z.string(), sinceMs: z.number(), reason: z.string().optional() }),
)

export interface Ban {
  readonly service: string
  /** Wall-clock milliseconds. */
  readonly sinceMs: number
  readonly reason?: string | undefined
}

/** Services that get no certificate any more and that nobody shall talk to. */
export class Bans {
  readonly #store: Store
  readonly #wall: () => number
  #bans: ReadonlyMap<string, Ban>
  readonly #listeners = new Set<() => void>()
  #last: Promise<void> = Promise.resolve()

  private constructor(store: Store, wall: () => number, bans: readonly Ban[]) {
    this.#store = store
    this.#wall = wall
    this.#bans = new Map(bans.map((ban) => [ban.service, ban]))
  }

  /** Rejects with TULLE_STATE where what is stored cannot be read: a plane that forgot its bans would undo them. */
  static async open({ store, wall }: { readonly store: Store; readonly wall: () => number }): Promise<Bans> {
    const bytes = await store.read(KEY)
    if (bytes === undefined) return new Bans(store, wall, [])
    try {
      return new Bans(store, wall, shape.parse(JSON.parse(Buffer.from(bytes).toString())))
    } catch (cause) {
      throw new MeshError('TULLE_STATE', `${KEY} in ${store.place} is unreadable`, { cause })
    }
  }

  has(service: string): boolean {
    return this.#bans.has(service)
  }

  /** By name. */
  list(): Ban[] {
    return [...this.#bans.values()].sort((a, b) => (a.service < b.service ? -1 : 1))
  }

  /**
   * In force, and durable, when it resolves. One that is banned already stays so since when it was.
   * @throws Refusal malformed or forbidden: the name; conflict: too many
   */
  async ban(service: string, reason?: string): Promise<void> {
    demandServiceName(service)
    return this.#change((bans) => {
      if (bans.has(service)) return false
      if (bans.size >= MOST)
        throw new Refusal('conflict', `no more than ${MOST} services can be banned at a time`)
      bans.set(service, { service, sinceMs: this.#wall(), ...(reason === undefined ? {} : { reason }) })
      return true
    })
  }

  /** @throws Refusal unknown */
  unban(service: string): Promise<void> {
    return this.#change((bans) => {
      if (!bans.delete(service))
        throw new Refusal('unknown', `${JSON.stringify(service.slice(0, 100))} is not banned`)
      return true
    })
  }

  /** @returns the removal. A listener must not throw. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** One after the other: each starts from what the one before it left, whether that could be written or not. */
  #change(edit: (bans: Map<string, Ban>) => boolean): Promise<void> {
    const run = async (): Promise<void> => {
      const next = new Map(this.#bans)
      if (!edit(next)) return
      await this.#store.write(KEY, Buffer.from(JSON.stringify([...next.values()])))
      this.#bans = next
      for (const listener of this.#listeners) listener()
    }
    const result = this.#last.then(run)
    this.#last = result.catch(() => undefined)
    return result
  }
}
