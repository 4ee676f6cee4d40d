import { createHash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { z } from 'zod'
import type { StateStore } from '../core/plane.ts'
import type { Clock, Logger } from '../core/ports.ts'
import { wordsOf } from '../core/words.ts'
import { jsonText } from './json-text.ts'

/** Changes come in bursts, when a service is rolled out; the disk hears of the last one. */
const SETTLE_MS = 1000

const keptWire = z.looseObject({
  savedMs: z.number(),
  services: z.record(z.string(), z.unknown()),
  known: z.array(z.string()),
})

export interface KeptContent {
  /** By service, as the source writes it. */
  readonly services: Readonly<Record<string, unknown>>
  readonly known: readonly string[]
}

/** How a source writes down what it knows. */
export interface KeptFormat<S> {
  readonly file: string
  /** Throws for what must not be believed. */
  read(content: KeptContent): S
}

/**
 * The endpoints of an earlier run, and those of this one for the next. Processes may share a folder (the workers of a
 * cluster do) and call different services: what the others keep is kept along.
 */
export class KeptEndpoints<S> {
  readonly #format: KeptFormat<S>
  readonly #store: StateStore | undefined
  readonly #clock: Clock
  readonly #wall: () => number
  readonly #log: Logger
  #current: { readonly sets: S; readonly savedMs: number } | undefined
  #services: Record<string, unknown> = {}
  #pending: KeptContent | undefined
  /** Digest of what was to be kept last. */
  #said = ''
  /** What this process wrote last, and the digest of the file. */
  #written: KeptContent['services'] = {}
  #wrote = ''
  #disarm: (() => void) | undefined
  #saving: Promise<void> = Promise.resolve()

  constructor(
    format: KeptFormat<S>,
    store: StateStore | undefined,
    clock: Clock,
    wall: () => number,
    log: Logger,
  ) {
    this.#format = format
    this.#store = store
    this.#clock = clock
    this.#wall = wall
    this.#log = log
  }

  /** What an earlier run kept, and how old it is. */
  get current(): { readonly sets: S; readonly ageMs: number } | undefined {
    const kept = this.#current
    if (kept === undefined) return undefined
    return { sets: kept.sets, ageMs: Math.max(0, this.#wall() - kept.savedMs) }
  }

  async load(): Promise<void> {
    try {
      const bytes = await this.#store?.read(this.#format.file)
      if (bytes === undefined) return
      const { savedMs, services, known } = contentOf(bytes)
      this.#current = { sets: this.#format.read({ services, known }), savedMs }
      this.#services = { ...services }
      this.#wrote = digestOf(bytes)
      this.#written = services
      this.#said = digestOf(JSON.stringify({ services, known }))
    } catch (error) {
      const why = wordsOf(error)
      this.#log.error(`the endpoints kept in ${this.#store?.place} are not used: ${why}`)
    }
  }

  /** @param services what was judged: services of earlier answers stay for as long as they are known */
  keep(services: KeptContent['services'], known: readonly string[]): void {
    if (this.#store === undefined) return
    const names = new Set(known)
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
    if (store === undefined || pending === undefined) return
    const savedMs = this.#wall()
    this.#saving = this.#saving
      .then(() => this.#write(store, pending, savedMs))
      .catch((error: unknown) => this.#log.error(`the endpoints could not be kept: ${String(error)}`))
  }

  async #write(store: StateStore, pending: KeptContent, savedMs: number): Promise<void> {
    const text = await jsonText(pending)
    await turnAfter(text)
    const said = digestOf(text)
    if (said === this.#said) return
    this.#said = said
    const services = { ...(await this.#others(store, pending)), ...pending.services }
    const whole = await jsonText({ savedMs, ...pending, services })
    await turnAfter(whole)
    const bytes = new TextEncoder().encode(whole)
    await store.write(this.#format.file, bytes)
    this.#wrote = digestOf(bytes)
    this.#written = services
  }

  /**
   * What the file says of services that there are; nothing where it cannot be believed, for it is written anew. A file
   * that nobody else has written needs no reading: 10,000 endpoints would hold the event loop for 50 ms.
   */
  async #others(store: StateStore, { known }: KeptContent): Promise<KeptContent['services']> {
    const names = new Set(known)
    try {
      const bytes = await store.read(this.#format.file)
      if (bytes === undefined) return {}
      const own = digestOf(bytes) === this.#wrote
      const services = own ? this.#written : this.#judged(contentOf(bytes))
      return Object.fromEntries(Object.entries(services).filter(([name]) => names.has(name)))
    } catch {
      return {}
    }
  }

  #judged({ services }: KeptContent): KeptContent['services'] {
    this.#format.read({ services, known: [] })
    return services
  }
}

/** Each step takes a millisecond for a megabyte: others get their turn in between. */
async function turnAfter({ length }: string): Promise<void> {
  if (length > 200_000) await nextTurn()
}

function contentOf(bytes: Uint8Array): z.infer<typeof keptWire> {
  return keptWire.parse(JSON.parse(new TextDecoder().decode(bytes)))
}

function digestOf(bytes: Uint8Array | string): string {
  return createHash('sha1').update(bytes).digest('base64')
}
