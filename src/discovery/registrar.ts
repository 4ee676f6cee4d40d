import { type BackoffParams, backoffMs } from '../core/backoff.ts'
import { endpointId } from '../core/endpoint.ts'
import { type PlaneLink, PlaneRefusal, type PlaneRequest } from '../core/plane.ts'
import { type EndpointWire, leaseWire, type RegistrationWire } from '../core/plane-wire.ts'
import type { Clock, Logger, Random } from '../core/ports.ts'
import type { Listener } from '../core/runtime.ts'
import { type Advertised, addressOf, readAdvertise } from './advertise.ts'
import type { RegistrarStatus, Registration } from './registration.ts'

const TTL_MS = 10_000
/** At most 4 s: shorter than the grace of one TTL that a plane gives everybody after its restart. */
const BACKOFF: BackoffParams = { base: 250, max: 4000 }
/** Between heartbeats, whatever time-to-live a plane names: one that said years once would never hear of us again. */
const HEARTBEAT_MS = { least: 100, most: 20_000 }
/** A drain does not wait longer for a plane. */
const LEAVE_MS = 1000

export interface RegistrarOptions {
  readonly link: Pick<PlaneLink, 'send' | 'urls' | 'onReachable'>
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** One per process, random. */
  readonly instance: string
  readonly service: string
  readonly meta: Pick<EndpointWire, 'version' | 'zone' | 'weight'>
  /** `host`, `host:port` or `:port`. */
  readonly advertise?: string | undefined
  /** Listeners that speak plaintext only are then nobody's business in the mesh. */
  readonly hasIdentity: boolean
  /** The address of this machine that is used towards the plane (`localAddressTowards`). */
  readonly localAddress: () => Promise<string | undefined>
}

/**
 * Tells the plane what this process serves, all of it under one instance id, and that it is alive, every third of the
 * time the plane gives (10 s by default) ± 10 %. Workers of one cluster each do so for the same address: the plane
 * counts who holds it.
 *
 * idle -> registering -> registered; a change, or a plane that does not know us (404) -> registering; any -> left.
 */
export class Registrar implements Registration {
  readonly #options: RegistrarOptions
  readonly #advertised: Advertised
  readonly #listeners = new Set<Listener>()
  #state: RegistrarStatus['state'] = 'idle'
  #endpoints: readonly EndpointWire[] = []
  #ttlMs = TTL_MS
  #confirmedMs: number | undefined
  #problem: string | undefined
  #failures = 0
  /** Whether the plane may know us, so that leaving is worth a word. */
  #told = false
  /** It was said that several listeners are one endpoint. */
  #warned = false
  #disarm = () => {}
  #unlisten: (() => void) | undefined
  #sending: AbortController | undefined

  /** Throws TULLE_CONFIG where `advertise` is no address. */
  constructor(options: RegistrarOptions) {
    this.#options = options
    this.#advertised = readAdvertise(options.advertise)
  }

  listen(listener: Listener): void {
    if (this.#options.hasIdentity && listener.mtls === 'disable') return
    this.#listeners.add(listener)
    this.#changed()
  }

  leave(listener: Listener): void {
    if (this.#listeners.delete(listener)) this.#changed()
  }

  status(): RegistrarStatus {
    const confirmed = this.#confirmedMs
    return {
      state: this.#state,
      endpoints: this.#endpoints.map(({ address, port }) => endpointId(address, port)),
      ageMs: confirmed === undefined ? undefined : this.#options.clock.now() - confirmed,
      problem: this.#problem,
    }
  }

  /** For good, before a drain: resolves when the plane has heard it, or after a second. Never rejects. */
  async deregister(): Promise<void> {
    if (this.#state === 'left') return
    this.#state = 'left'
    this.#unlisten?.()
    this.#breakOff()
    if (!this.#told) return
    const { clock, link, log } = this.#options
    const late = new AbortController()
    const bound = new Promise<never>((_, reject) => {
      const giveUp = () => {
        reject(new Error(`no answer within ${LEAVE_MS} ms`))
        late.abort()
      }
      this.#disarm = clock.after(LEAVE_MS, giveUp)
    })
    const request = { method: 'DELETE', path: this.#path(), auth: 'identity' } as const
    try {
      await Promise.race([link.send(request, late.signal), bound])
      this.#problem = undefined
    } catch (error) {
      this.#problem = error instanceof Error ? error.message : String(error)
      log.warn(`not deregistered, the plane will notice by itself: ${this.#problem}`)
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
      const request = registering ? await this.#registration() : this.#heartbeat()
      if (this.#sending !== own) return
      this.#told = true
      const { body } = await this.#options.link.send(request, own.signal)
      if (this.#sending === own) this.#confirmed(body)
    } catch (error) {
      if (this.#sending === own) this.#failed(error, registering)
    }
  }

  #confirmed(body: unknown): void {
    const { clock, random, log } = this.#options
    this.#ttlMs = leaseWire.safeParse(body).data?.ttlMs ?? this.#ttlMs
    if (this.#state === 'registering') log.info('registered at the plane', { ...this.status() })
    this.#state = 'registered'
    this.#confirmedMs = clock.now()
    this.#problem = undefined
    this.#failures = 0
    const { least, most } = HEARTBEAT_MS
    this.#next(Math.min(most, Math.max(least, this.#ttlMs / 3)) * (0.9 + 0.2 * random()))
  }

  #failed(error: unknown, registering: boolean): void {
    const { random, log } = this.#options
    if (!registering && error instanceof PlaneRefusal && error.status === 404) {
      this.#state = 'registering'
      this.#next(0)
      return
    }
    const message = error instanceof Error ? error.message : String(error)
    if (message !== this.#problem)
      log.warn(`not ${registering ? 'registered' : 'confirmed'} at the plane: ${message}`)
    this.#problem = message
    this.#unlisten ??= this.#options.link.onReachable?.(() => {
      if (this.#failures > 0 && this.#sending === undefined) this.#next(0)
    })
    this.#next(backoffMs(++this.#failures, BACKOFF, random))
  }

  #path(): string {
    return `/v1/instances/${encodeURIComponent(this.#options.instance)}`
  }

  #heartbeat(): PlaneRequest {
    return { method: 'POST', path: `${this.#path()}/heartbeat`, auth: 'identity' }
  }

  async #registration(): Promise<PlaneRequest> {
    const { service, meta, localAddress } = this.#options
    const local = await localAddress()
    const endpoints = new Map<string, EndpointWire>()
    const ports = new Set<number>()
    for (const listener of this.#listeners) {
      ports.add(listener.port)
      const place = addressOf(listener, this.#advertised, local)
      if (place === undefined)
        throw new Error(
          `no address of this machine is known that others could reach port ${listener.port} at: set TULLE_ADVERTISE`,
        )
      const { protocol, mtls } = listener
      endpoints.set(endpointId(place.address, place.port), { ...place, ...meta, protocol, mtls })
    }
    this.#endpoints = [...endpoints.values()]
    if (ports.size > endpoints.size) this.#warnOfOne(ports)
    const body: RegistrationWire = { service, endpoints: [...endpoints.values()] }
    return { method: 'PUT', path: this.#path(), body, auth: 'identity' }
  }

  /** An advertised port is that of one listener; the last one describes it, and nobody is sent to the others. */
  #warnOfOne(ports: ReadonlySet<number>): void {
    if (this.#warned) return
    this.#warned = true
    this.#options.log.warn(
      `the listeners on ports ${[...ports].join(', ')} are registered as one endpoint, ${this.status().endpoints.join(', ')}, because a port is advertised; advertise the host alone, or serve all but one with mtls: 'disable'`,
    )
  }
}
