import { endpointId } from '../core/endpoint.ts'
import { type PlaneLink, PlaneRefusal } from '../core/plane.ts'
import { type EndpointWire, leaseWire, type RegistrationWire } from '../core/plane-wire.ts'
import type { Listener } from '../core/runtime.ts'
import { type Advertised, onlyOneOf, placeOf, readAdvertise } from './advertise.ts'
import type { RegistrarStatus, Registration } from './registration.ts'
import { type CycleOptions, RegistrationCycle, type Registry, type Statement } from './registration-cycle.ts'

const TTL_MS = 10_000
/** Between heartbeats, whatever time-to-live a plane names: one that said years once would never hear of us again. */
const HEARTBEAT_MS = { least: 100, most: 20_000 }

export interface RegistrarOptions extends CycleOptions {
  readonly link: Pick<PlaneLink, 'send' | 'urls' | 'onReachable'>
  /** One per process, random. */
  readonly instance: string
  readonly service: string
  readonly meta: Pick<EndpointWire, 'version' | 'zone' | 'weight'>
  /** `host`, `host:port` or `:port`. */
  readonly advertise?: string | undefined
  /** The address of this machine that is used towards the plane (`localAddressTowards`). */
  readonly localAddress: () => Promise<string | undefined>
}

/**
 * Tells the plane what this process serves, all of it under one instance id, and that it is alive, every third of the
 * time the plane gives (10 s by default) ± 10 %. Workers of one cluster each do so for the same address: the plane
 * counts who holds it.
 */
export class Registrar implements Registration {
  readonly #cycle: RegistrationCycle

  /** Throws TULLE_CONFIG where `advertise` is no address. */
  constructor(options: RegistrarOptions) {
    this.#cycle = new RegistrationCycle(new PlaneRegistry(options), options)
  }

  listen(listener: Listener): void {
    this.#cycle.listen(listener)
  }

  leave(listener: Listener): void {
    this.#cycle.leave(listener)
  }

  status(): RegistrarStatus {
    return this.#cycle.status()
  }

  deregister(): Promise<void> {
    return this.#cycle.deregister()
  }
}

class PlaneRegistry implements Registry {
  readonly name = 'the plane'
  readonly #options: RegistrarOptions
  readonly #advertised: Advertised
  readonly #path: string
  #ttlMs = TTL_MS
  /** It was said that several listeners are one endpoint. */
  #warned = false

  constructor(options: RegistrarOptions) {
    this.#options = options
    this.#advertised = readAdvertise(options.advertise)
    this.#path = `/v1/instances/${encodeURIComponent(options.instance)}`
  }

  async describe(listeners: ReadonlySet<Listener>): Promise<Statement> {
    const { service, meta, localAddress, link } = this.#options
    const local = await localAddress()
    const found = new Map<string, EndpointWire>()
    const ports = new Set<number>()
    for (const listener of listeners) {
      ports.add(listener.port)
      const place = placeOf(listener, this.#advertised, local)
      const { protocol, mtls } = listener
      found.set(endpointId(place.address, place.port), { ...place, ...meta, protocol, mtls })
    }
    const endpoints = [...found.keys()]
    if (ports.size > endpoints.length) this.#warnOfOne(ports, endpoints)
    const body: RegistrationWire = { service, endpoints: [...found.values()] }
    const request = { method: 'PUT', path: this.#path, body, auth: 'identity' } as const
    return { endpoints, send: async (signal) => this.#heartbeatMs((await link.send(request, signal)).body) }
  }

  async confirm(signal: AbortSignal): Promise<number | undefined> {
    const path = `${this.#path}/heartbeat`
    try {
      const { body } = await this.#options.link.send({ method: 'POST', path, auth: 'identity' }, signal)
      return this.#heartbeatMs(body)
    } catch (error) {
      if (error instanceof PlaneRefusal && error.status === 404) return undefined
      throw error
    }
  }

  async leave(signal: AbortSignal): Promise<void> {
    await this.#options.link.send({ method: 'DELETE', path: this.#path, auth: 'identity' }, signal)
  }

  onReachable(listener: () => void): () => void {
    return this.#options.link.onReachable?.(listener) ?? (() => {})
  }

  #heartbeatMs(lease: unknown): number {
    this.#ttlMs = leaseWire.safeParse(lease).data?.ttlMs ?? this.#ttlMs
    const { least, most } = HEARTBEAT_MS
    return Math.min(most, Math.max(least, this.#ttlMs / 3))
  }

  #warnOfOne(ports: ReadonlySet<number>, endpoints: readonly string[]): void {
    if (this.#warned) return
    this.#warned = true
    this.#options.log.warn(onlyOneOf(ports, endpoints))
  }
}
