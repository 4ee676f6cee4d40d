import { z } from 'zod'
import type { StateStore } from '../core/plane.ts'
import { type EndpointsWire, endpointsWire } from '../core/plane-wire.ts'
import type { Clock, Logger } from '../core/ports.ts'
import { type PlaneSets, readSets } from './plane-sets.ts'

const FILE = 'endpoints.json'
/** Changes come in bursts, when a service is rolled out; the disk hears of the last one. */
const SETTLE_MS = 1000

const keptWire = endpointsWire.safeExtend({ savedMs: z.number() })

/**
 * The endpoints of an earlier run, and those of this one for the next. Processes may share a folder (the workers of a
 * cluster do) and call different services: what the others keep is kept along.
 */
export class KeptEndpoints {
  readonly #store: StateStore | undefined
  readonly #clock: Clock
  readonly #wall: () => number
  readonly #log: Logger
  #current: { readonly sets: PlaneSets; readonly savedMs: number } | undefined
  #services: Record<string, EndpointsWire['services'][string]> = {}
  #pending: EndpointsWire | undefined
  #written = ''
  #disarm: (() => void) | undefined
  #saving: Promise<void> = Promise.resolve()

  constructor(store: StateStore | undefined, clock: Clock, wall: () => number, log: Logger) {
    this.#store = store
    this.#clock = clock
    this.#wall = wall
    this.#log = log
  }

  /** What an earlier run kept, and how old it is. */
  get current(): { readonly sets: PlaneSets; readonly ageMs: number } | undefined {
    const kept = this.#current
    if (kept === undefined) return undefined
    return { sets: kept.sets, ageMs: Math.max(0, this.#wall() - kept.savedMs) }
  }

  async load(): Promise<void> {
    try {
      const kept = await read(this.#store)
      if (kept === undefined) return
      const { savedMs, services, known } = kept
      this.#current = { sets: readSets({ services, known }, []), savedMs }
      this.#services = { ...services }
      this.#written = JSON.stringify({ services, known })
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      this.#log.error(`the endpoints kept in ${this.#store?.place} are not used: ${why}`)
    }
  }

  /** @param body an answer that was judged: services of earlier answers stay for as long as they are known */
  keep(body: unknown, known: readonly string[]): void {
    if (this.#store === undefined) return
    const names = new Set(known)
    const { services } = body as EndpointsWire
    const all = Object.entries({ ...this.#services, ...services }).filter(([name]) => names.has(name))
    this.#services = Object.fromEntries(all)
    this.#pending = { services: this.#services, known: [...known] }
    this.#disarm ??= this.#clock.background(SETTLE_MS, () => this.#save())
  }

  async close(): Promise<void> {
    if (this.#disarm !== undefined) this.#save()
    await this.#saving
  }

  #save(): void {
    this.#disarm?.()
    this.#disarm = undefined
    const store = this.#store
    const pending = this.#pending
    const text = JSON.stringify(pending)
    if (store === undefined || pending === undefined || text === this.#written) return
    this.#written = text
    const savedMs = this.#wall()
    this.#saving = this.#saving
      .then(async () => {
        const content = {
          savedMs,
          ...pending,
          services: { ...(await others(store, pending)), ...pending.services },
        }
        await store.write(FILE, new TextEncoder().encode(JSON.stringify(content)))
      })
      .catch((error: unknown) => this.#log.error(`the endpoints could not be kept: ${String(error)}`))
  }
}

async function read(store: StateStore | undefined): Promise<z.infer<typeof keptWire> | undefined> {
  const bytes = await store?.read(FILE)
  return bytes === undefined ? undefined : keptWire.parse(JSON.parse(new TextDecoder().decode(bytes)))
}

/** What the file says of services that there are; nothing where it cannot be believed, for it is written anew. */
async function others(store: StateStore, { known }: EndpointsWire): Promise<EndpointsWire['services']> {
  const kept = await read(store).catch(() => undefined)
  const names = new Set(known)
  return Object.fromEntries(Object.entries(kept?.services ?? {}).filter(([name]) => names.has(name)))
}
