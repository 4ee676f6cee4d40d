import { type BackoffParams, backoffMs } from '../core/backoff.ts'
import type { Clock, Logger, Random } from '../core/ports.ts'
import type { Listener } from '../core/runtime.ts'
import { wordsOf } from '../core/words.ts'
import type { RegistrarStatus, Registration } from './registration.ts'

/** At most 4 s: shorter than the grace of one TTL that a plane gives everybody, and than Consul's TTL of 10 s. */
const BACKOFF: BackoffParams = { base: 250, max: 4000 }
/** A drain does not wait longer for a registry. */
const LEAVE_MS = 1000

/** Everything that is to be said to a registry at one moment. */
export interface Statement {
  /** `address:port` of each endpoint. */
  readonly endpoints: readonly string[]
  /** Says it. Resolves with the milliseconds until it is to be confirmed. */
  send(signal: AbortSignal): Promise<number>
}

/** What differs between registries. Whatever rejects is tried again. */
export interface Registry {
  /** For messages: `the plane`. */
  readonly name: string
  /** Sends nothing that would register. Rejects where no address is known for one of the listeners. */
  describe(listeners: ReadonlySet<Listener>): Promise<Statement>
  /** That this process is alive: the milliseconds until the next time; undefined: the registry does not know us. */
  confirm(signal: AbortSignal): Promise<number | undefined>
  leave(signal: AbortSignal): Promise<void>
  /** Called back when a registry that could not be reached is back. */
  onReachable?(listener: () => void): () => void
}

export interface CycleOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Listeners that speak plaintext only are then nobody's business in the mesh. */
  readonly hasIdentity: boolean
}

/**
 * When a registry hears of what this process serves, whichever registry it is.
 *
 * idle -> registering -> registered; a change, or a registry that does not know us -> registering; any -> left.
 * Failures back off with full jitter up to 4 s, and end when the registry is back.
 */
export class RegistrationCycle implements Registration {
  readonly #registry: Registry
  readonly #options: CycleOptions
  readonly #listeners = new Set<Listener>()
  #state: RegistrarStatus['state'] = 'idle'
  #endpoints: readonly string[] = []
  #confirmedMs: number | undefined
  #problem: string | undefined
  #failures = 0
  /** Whether the registry may know us, so that leaving is worth a word. */
  #told = false
  #disarm = () => {}
  #unlisten: (() => void) | undefined
  #sending: AbortController | undefined

  constructor(registry: Registry, options: CycleOptions) {
    this.#registry = registry
    this.#options = options
  }

  listen(listener: Listener): void {
    if (this.#options.hasIdentity && listener.mtls === 'disable') return
    this.#listeners.add(listener)
    this.#changed()
  }

  leave(listener: Listener): void {
    if (this.#listeners.delete(listener)) this.#changed()
  }

  /** Says everything once more, where anything was said. */
  anew(): void {
    if (this.#state === 'registered') this.#changed()
  }

  status(): RegistrarStatus {
    const confirmed = this.#confirmedMs
    return {
      state: this.#state,
      endpoints: this.#endpoints,
      ageMs: confirmed === undefined ? undefined : this.#options.clock.now() - confirmed,
      problem: this.#problem,
    }
  }

  async deregister(): Promise<void> {
    if (this.#state === 'left') return
    this.#state = 'left'
    this.#unlisten?.()
    this.#breakOff()
    if (!this.#told) return
    const { clock, log } = this.#options
    const late = new AbortController()
    const bound = new Promise<never>((_, reject) => {
      const giveUp = () => {
        reject(new Error(`no answer within ${LEAVE_MS} ms`))
        late.abort()
      }
      this.#disarm = clock.after(LEAVE_MS, giveUp)
    })
    try {
      await Promise.race([this.#registry.leave(late.signal), bound])
      this.#problem = undefined
    } catch (error) {
      this.#problem = wordsOf(error)
      log.warn(`not deregistered, ${this.#registry.name} will notice by itself: ${this.#problem}`)
    } finally {
      this.#disarm()
    }
  }

  #changed(): void {
    if (this.#state === 'left') return
    if (this.#listeners.size === 0 && !this.#told) {
      this.#breakOff()
      this.#state = 'idle'
      return
    }
    this.#state = 'registering'
    this.#failures = 0
    this.#next(0)
  }

  #breakOff(): void {
    this.#disarm()
    this.#sending?.abort()
    this.#sending = undefined
  }

  /** What is under way is broken off: it says what was so before. */
  #next(delayMs: number): void {
    this.#breakOff()
    this.#disarm = this.#options.clock.background(delayMs, () => void this.#step())
  }

  async #step(): Promise<void> {
    const own = new AbortController()
    this.#sending = own
    const registering = this.#state === 'registering'
    try {
      const dueMs = registering ? await this.#say(own) : await this.#registry.confirm(own.signal)
      if (this.#sending === own) this.#confirmed(dueMs)
    } catch (error) {
      if (this.#sending === own) this.#failed(error, registering)
    }
  }

  async #say(own: AbortController): Promise<number> {
    const statement = await this.#registry.describe(this.#listeners)
    if (this.#sending !== own) return 0
    this.#endpoints = statement.endpoints
    this.#told = true
    return statement.send(own.signal)
  }

  #confirmed(dueMs: number | undefined): void {
    const { clock, random, log } = this.#options
    if (dueMs === undefined) {
      this.#state = 'registering'
      this.#next(0)
      return
    }
    const news = this.#state === 'registering'
    this.#state = 'registered'
    this.#confirmedMs = clock.now()
    this.#problem = undefined
    this.#failures = 0
    if (news) log.info(`registered at ${this.#registry.name}`, { ...this.status() })
    this.#next(dueMs * (0.9 + 0.2 * random()))
  }

  #failed(error: unknown, registering: boolean): void {
    const { random, log } = this.#options
    const message = wordsOf(error)
    if (message !== this.#problem)
      log.warn(`not ${registering ? 'registered' : 'confirmed'} at ${this.#registry.name}: ${message}`)
    this.#problem = message
    this.#unlisten ??= this.#registry.onReachable?.(() => {
      if (this.#failures > 0 && this.#sending === undefined) this.#next(0)
    })
    this.#next(backoffMs(++this.#failures, BACKOFF, random))
  }
}
