import { createHash } from 'node:crypto'
import type { MeshError } from '../core/errors.ts'
import { type EndpointWire, type RegistrationWire, registrationWire } from '../core/plane-wire.ts'
import type { Clock, Logger } from '../core/ports.ts'
import { EndpointSets, type KnownEndpoint } from './endpoint-sets.ts'
import { Leases } from './leases.ts'
import { Refusal } from './refusal.ts'
import type { Store } from './store.ts'
import { Turns } from './turns.ts'
import { Watchers } from './watchers.ts'

export interface RegistryOptions {
  readonly store: Store
  readonly clock: Clock
  readonly log: Logger
  /** Distinct for every start of the plane, so that an ETag of an earlier one never matches. */
  readonly epoch: string
  /** How long an instance is believed without a heartbeat, in milliseconds; default 10,000. */
  readonly ttlMs?: number | undefined
  /** Default 20,000. */
  readonly maxInstances?: number | undefined
  /** Of one service; default 10,000. */
  readonly maxInstancesOfService?: number | undefined
  /** Default 5000. */
  readonly maxServices?: number | undefined
  /** How long changes are gathered before subscribers are told, in milliseconds; default 25. */
  readonly settleMs?: number | undefined
}

interface Instance {
  readonly name: string
  readonly service: string
  readonly endpoints: readonly EndpointWire[]
}

const PREFIX = 'instances/'
const NAMES = ' names'
/** Of one service: with as many bytes each as below, an answer about them is one that clients still take. */
const MOST_ENDPOINTS = 10_000
const ENDPOINT_CHARACTERS = 1024
const INSTANCE = /^[\w.:@-]{1,128}$/

/**
 * Who serves what. Registrations are kept in the store; heartbeats are memory only, so after a restart every instance
 * that is known has one TTL to be heard of again. A change is told after it is durable.
 */
export class Registry {
  readonly #store: Store
  readonly #log: Logger
  readonly #epoch: string
  readonly #limits: { readonly instances: number; readonly ofService: number; readonly services: number }
  readonly #instances = new Map<string, Instance>()
  /** How many instances of each service. */
  readonly #counts = new Map<string, number>()
  readonly #sets: EndpointSets
  readonly #watchers: Watchers
  readonly #leases: Leases
  readonly #turns = new Turns(Number.POSITIVE_INFINITY)
  #closed = false

  constructor(options: RegistryOptions) {
    const { store, clock, log, epoch, ttlMs = 10_000, settleMs = 25 } = options
    this.#store = store
    this.#log = log
    this.#epoch = epoch
    this.#limits = {
      instances: options.maxInstances ?? 20_000,
      ofService: options.maxInstancesOfService ?? 10_000,
      services: options.maxServices ?? 5000,
    }
    this.#watchers = new Watchers(clock, settleMs)
    this.#sets = new EndpointSets(
      (service) => this.#watchers.changed(service),
      () => this.#watchers.changed(NAMES),
    )
    this.#leases = new Leases({ clock, ttlMs, onLapse: (name) => this.#lapse(name) })
  }

  /** How long an instance is believed without a heartbeat, in milliseconds; longer where there are very many. */
  get ttlMs(): number {
    return this.#leases.ttlMs
  }

  /** Reads what an earlier run has left; a registration that cannot be read is left out and said so. */
  async load(): Promise<void> {
    const keys = await this.#store.list(PREFIX)
    for (let at = 0; at < keys.length; at += 64)
      await Promise.all(keys.slice(at, at + 64).map((key) => this.#loadOne(key)))
  }

  get size(): number {
    return this.#instances.size
  }

  /** The service an instance is registered for; undefined: it is not known. */
  serviceOf(instance: string): string | undefined {
    return this.#instances.get(instance)?.service
  }

  services(): Readonly<Record<string, readonly KnownEndpoint[]>> {
    return Object.fromEntries(this.#sets.names().map((name) => [name, this.#sets.of(name)]))
  }

  /**
   * Everything an instance serves; replaces what it registered before. Rejects with a Refusal where the name is none,
   * belongs to an instance of another service, or a limit is reached; with TULLE_STATE where it cannot be kept.
   */
  async register(name: string, registration: RegistrationWire): Promise<void> {
    if (!INSTANCE.test(name))
      throw new Refusal('malformed', 'an instance is named by 1–128 letters, digits and . _ : @ -')
    const { service, endpoints } = registration
    if (endpoints.some((one) => JSON.stringify(one).length > ENDPOINT_CHARACTERS))
      throw new Refusal(
        'too-large',
        `what is said of an endpoint has at most ${ENDPOINT_CHARACTERS} characters of JSON`,
      )
    return this.#turns.run(name, async () => {
      const before = this.#instances.get(name)
      this.#admit(before, { name, service, endpoints })
      const instance: Instance = { name, service, endpoints }
      if (before === undefined || JSON.stringify(before) !== JSON.stringify(instance))
        await this.#store.write(keyOf(name), new TextEncoder().encode(JSON.stringify(instance)))
      if (!this.#closed) this.#put(instance)
    })
  }

  /** False: the instance is not known and must register again. */
  heartbeat(name: string): boolean {
    if (!this.#instances.has(name)) return false
    this.#leases.renew(name)
    return true
  }

  /** Durable when it resolves. False: it was not known. */
  deregister(name: string): Promise<boolean> {
    return this.#turns.run(name, async () => {
      if (!this.#instances.has(name)) return false
      await this.#store.remove(keyOf(name))
      this.#forget(name)
      return true
    })
  }

  /** Of exactly these services and of the names there are. */
  etag(services: readonly string[]): string {
    return `${this.#epoch}.${this.#sets.revision(services)}`
  }

  /** `endpointsWire` as JSON. */
  json(services: readonly string[]): string {
    return this.#sets.json(services)
  }

  /** Calls back once, when something about these services or about the names has changed. @returns the removal */
  onChange(services: readonly string[], wake: () => void): () => void {
    return this.#watchers.add([...services, NAMES], wake)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#leases.close()
    this.#watchers.close()
    await this.#turns.idle()
  }

  /** No service takes so much that another finds no room, or that its callers could not be told of it. */
  #admit(before: Instance | undefined, { name, service, endpoints }: Instance): void {
    if (before !== undefined && before.service !== service)
      throw new Refusal('forbidden', `the instance ${name} is registered for another service`)
    const { instances, ofService, services } = this.#limits
    const full = (most: number, what: string): Refusal =>
      new Refusal('rate-limited', `the plane knows ${most} ${what} already`)
    if (before === undefined && this.#instances.size >= instances) throw full(instances, 'instances')
    if (before === undefined && (this.#counts.get(service) ?? 0) >= ofService)
      throw full(ofService, `instances of ${service}`)
    const more = endpoints.length - (before?.endpoints.length ?? 0)
    if (more > 0 && this.#sets.sizeOf(service) + more > MOST_ENDPOINTS)
      throw full(MOST_ENDPOINTS, `endpoints of ${service}`)
    if (!this.#sets.has(service) && this.#sets.size >= services) throw full(services, 'services')
  }

  #put(instance: Instance): void {
    if (!this.#instances.has(instance.name)) this.#count(instance.service, 1)
    this.#instances.set(instance.name, instance)
    this.#sets.hold(instance.name, instance.service, instance.endpoints)
    this.#leases.renew(instance.name)
  }

  #forget(name: string): void {
    const instance = this.#instances.get(name)
    if (instance === undefined) return
    this.#instances.delete(name)
    this.#count(instance.service, -1)
    this.#leases.drop(name)
    this.#sets.hold(name, instance.service, [])
  }

  #count(service: string, by: 1 | -1): void {
    const now = (this.#counts.get(service) ?? 0) + by
    if (now === 0) this.#counts.delete(service)
    else this.#counts.set(service, now)
  }

  #lapse(name: string): void {
    const { service } = this.#instances.get(name) ?? {}
    this.#log.warn('an instance was not heard of and is taken out', { instance: name, service })
    this.#forget(name)
    void this.#turns
      .run(name, async () => {
        // It may have registered again meanwhile.
        if (!this.#instances.has(name)) await this.#store.remove(keyOf(name))
      })
      .catch((error: unknown) => {
        const { message } = error as Error
        if ((error as MeshError).code !== 'TULLE_CLOSED')
          this.#log.error('a lapsed registration could not be removed', { instance: name, message })
      })
  }

  async #loadOne(key: string): Promise<void> {
    const bytes = await this.#store.read(key)
    if (bytes === undefined) return
    try {
      const value = JSON.parse(new TextDecoder().decode(bytes)) as { name?: unknown }
      const { service, endpoints } = registrationWire.parse(value)
      if (typeof value.name !== 'string' || keyOf(value.name) !== key)
        throw new TypeError('its name is not that of its key')
      this.#put({ name: value.name, service, endpoints })
    } catch (error) {
      this.#log.error('a registration cannot be read and is left out', { key, message: String(error) })
    }
  }
}

function keyOf(name: string): string {
  return `${PREFIX}${createHash('sha256').update(name).digest('hex').slice(0, 40)}`
}
