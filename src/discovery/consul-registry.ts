import { z } from 'zod'
import { type ConsulAnswer, type ConsulLink, ConsulRefusal, type ConsulRequest } from '../core/consul.ts'
import { endpointId } from '../core/endpoint.ts'
import type { MtlsMode } from '../core/identity.ts'
import type { EndpointWire } from '../core/plane-wire.ts'
import type { Logger } from '../core/ports.ts'
import type { Listener } from '../core/runtime.ts'
import { type Advertised, addressOf, onlyOneOf, type Place, placeOf, readAdvertise } from './advertise.ts'
import { type CheckKind, checkDocument, objectionToCheck, TTL_MS } from './consul-check.ts'
import { PulseMeter, type PulseOptions } from './consul-pulse.ts'
import { type ServiceDocument, serviceDocument } from './consul-service.ts'
import type { Registry, Statement } from './registration-cycle.ts'

/** How often an agent that is not fed is asked whether it still knows us, in milliseconds. */
const LOOK_MS = 30_000
const DEREGISTER_AFTER_MS = 600_000

export interface ConsulRegistryOptions extends PulseOptions {
  readonly link: Pick<ConsulLink, 'send' | 'address' | 'onReachable'>
  readonly log: Logger
  /** One per process, random. */
  readonly instance: string
  readonly service: string
  readonly meta: Pick<EndpointWire, 'version' | 'zone' | 'weight'>
  /** The version of this library, for meta. */
  readonly release?: string | undefined
  /** `host`, `host:port` or `:port`. */
  readonly advertise?: string | undefined
  /** The address of this machine that is used towards the agent (`localAddressTowards`); not asked for a unix socket. */
  readonly localAddress: () => Promise<string | undefined>
  /** Default `ttl`. With `grpc` the listeners that speak HTTP have `ttl`. */
  readonly check?: CheckKind | undefined
  /** For `http`: where `/readyz` answers; undefined as long as it does not. */
  readonly healthPort?: (() => number | undefined) | undefined
  /** What listeners speak unless they say otherwise, so that a check which cannot work is refused at once. */
  readonly inboundMtls?: MtlsMode | undefined
  /** With `ttl`: after how long of silence an instance is critical, in milliseconds; default 10,000. Fed every third of it. */
  readonly ttlMs?: number | undefined
  /** How long an instance may be critical before Consul removes it, in milliseconds; default 10 min, at least 1, 0: for ever. */
  readonly deregisterAfterMs?: number | undefined
}

/** One listener as the agent is told of it. */
interface Instance {
  readonly id: string
  readonly place: Place
  readonly kind: CheckKind
  readonly document: ServiceDocument
}

/** An agent as a registry. Requests never overtake one another: a late registration would undo a deregistration. */
export class ConsulRegistry implements Registry {
  readonly name = 'Consul'
  readonly #options: ConsulRegistryOptions
  readonly #advertised: Advertised
  readonly #pulse: PulseMeter
  /** What the agent may know of us, by id. */
  readonly #told = new Map<string, CheckKind>()
  #turn: Promise<unknown> = Promise.resolve()
  /** It was said that several listeners are one endpoint. */
  #warned = false

  /** Throws TULLE_CONFIG where `advertise` is no address. */
  constructor(options: ConsulRegistryOptions) {
    this.#options = options
    this.#advertised = readAdvertise(options.advertise)
    this.#pulse = new PulseMeter(options)
  }

  async describe(listeners: ReadonlySet<Listener>): Promise<Statement> {
    const { link, localAddress, log } = this.#options
    const local = link.address.startsWith('unix:') ? '127.0.0.1' : await localAddress()
    const found = new Map<string, { readonly place: Place; readonly listener: Listener }>()
    const ports = new Set<number>()
    for (const listener of listeners) {
      ports.add(listener.port)
      const place = placeOf(listener, this.#advertised, isLoopback(local) ? NODE : local)
      found.set(endpointId(place.address, place.port), { place, listener })
    }
    const instances: Instance[] = []
    for (const { place, listener } of found.values())
      instances.push(this.#instance(this.#idOf(place, instances), place, listener, local ?? '127.0.0.1'))
    const open = instances.some(({ place }) => place.address === NODE)
    const node = open ? await this.#nodeAddress() : NODE
    const endpoints = instances.map(({ place }) => endpointId(place.address || node, place.port))
    if (ports.size > endpoints.length && !this.#warned) {
      this.#warned = true
      log.warn(onlyOneOf(ports, endpoints))
    }
    return { endpoints, send: (signal) => this.#inTurn(() => this.#say(instances, signal)) }
  }

  confirm(signal: AbortSignal): Promise<number | undefined> {
    return this.#inTurn(async () => {
      const { status, output } = this.#pulse.take()
      for (const [id, kind] of this.#told) {
        if (signal.aborted) break
        const known =
          kind === 'ttl' ? await this.#feed(id, { Status: status, Output: output }) : await this.#knows(id)
        if (!known) return undefined
      }
      return this.#dueMs()
    })
  }

  leave(signal: AbortSignal): Promise<void> {
    return this.#inTurn(async () => {
      // All at once: a drain waits a second for them, and one that is refused keeps no other.
      const ended = await Promise.allSettled([...this.#told.keys()].map((id) => this.#forget(id, signal)))
      const failed = ended.find((one) => one.status === 'rejected')
      if (failed !== undefined) throw failed.reason
    })
  }

  onReachable(listener: () => void): () => void {
    return this.#options.link.onReachable?.(listener) ?? (() => {})
  }

  async #say(instances: readonly Instance[], signal: AbortSignal): Promise<number> {
    const gone = new Set(this.#told.keys())
    for (const { id, kind, document } of instances) {
      if (signal.aborted) return 0
      gone.delete(id)
      this.#told.set(id, kind)
      const query = { 'replace-existing-checks': '1' }
      await this.#send({ method: 'PUT', path: '/v1/agent/service/register', query, body: document })
    }
    for (const id of gone) if (!signal.aborted) await this.#forget(id)
    return this.#dueMs()
  }

  /** False: the agent does not know the check. 1.8 says so with 500, later ones with 404. */
  async #feed(id: string, body: { readonly Status: string; readonly Output: string }): Promise<boolean> {
    const path = `/v1/agent/check/update/${encodeURIComponent(checkIdOf(id))}`
    try {
      await this.#send({ method: 'PUT', path, body })
      return true
    } catch (error) {
      if (isUnknown(error)) return false
      throw error
    }
  }

  async #knows(id: string): Promise<boolean> {
    const path = `/v1/agent/service/${encodeURIComponent(id)}`
    const { status } = await this.#send({ method: 'GET', path, mayBeAbsent: true, consistency: 'default' })
    return status !== 404
  }

  async #forget(id: string, signal?: AbortSignal): Promise<void> {
    const path = `/v1/agent/service/deregister/${encodeURIComponent(id)}`
    try {
      await this.#send({ method: 'PUT', path }, signal)
    } catch (error) {
      if (!isUnknown(error)) throw error
    }
    this.#told.delete(id)
  }

  /** What others see where the address is left to Consul; a token without `agent:read` is not told. */
  async #nodeAddress(): Promise<string> {
    try {
      const { body } = await this.#options.link.send({ method: 'GET', path: '/v1/agent/self' })
      return selfAnswer.safeParse(body).data?.Member.Addr ?? '<node>'
    } catch (error) {
      if (error instanceof ConsulRefusal) return '<node>'
      throw error
    }
  }

  #idOf({ port }: Place, others: readonly Instance[]): string {
    const { service, instance } = this.#options
    const id = `${service}-${instance}-${port}`
    return others.some((other) => other.id === id) ? `${id}-${others.length}` : id
  }

  #instance(id: string, place: Place, listener: Listener, local: string): Instance {
    const {
      check = 'ttl',
      ttlMs = TTL_MS,
      healthPort,
      deregisterAfterMs = DEREGISTER_AFTER_MS,
    } = this.#options
    const kind = check === 'grpc' && listener.protocol !== 'grpc' ? 'ttl' : check
    const objection = objectionToCheck(kind, { mtls: listener.mtls, hasHealthPort: true })
    if (objection !== undefined) throw objection
    const port = kind === 'http' ? healthPort?.() : listener.port
    if (port === undefined) throw new Error('the health port, which the check asks, is not open yet')
    const asked = addressOf({ ...listener, port }, {}, local)
    const facts = {
      id: checkIdOf(id),
      kind,
      status: this.#pulse.current.status,
      ttlMs,
      deregisterAfterMs,
      place: kind === 'ttl' ? undefined : kind === 'http' ? { address: local, port } : asked,
    }
    const document = serviceDocument({
      ...this.#options,
      id,
      place,
      listener,
      check: checkDocument(facts),
    })
    return { id, place, kind, document }
  }

  #dueMs(): number {
    return [...this.#told.values()].includes('ttl') ? (this.#options.ttlMs ?? TTL_MS) / 3 : LOOK_MS
  }

  async #send(request: ConsulRequest, signal?: AbortSignal): Promise<ConsulAnswer> {
    try {
      return await this.#options.link.send(request, signal)
    } catch (error) {
      throw explained(error, this.#options.service)
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => {})
    return turn
  }
}

/** Consul's word for: that of the agent's node. */
const NODE = ''

const selfAnswer = z.looseObject({ Member: z.looseObject({ Addr: z.string().min(1) }) })

const checkIdOf = (id: string): string => `${id}-alive`

function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(127\.|::1$|::ffff:127\.)/.test(address)
}

function isUnknown(error: unknown): boolean {
  if (!(error instanceof ConsulRefusal)) return false
  return (
    error.status === 404 ||
    (error.status === 500 && /^Unknown |does not have associated TTL/.test(error.words))
  )
}

/** A refusal for want of a right names the rule that grants it. */
function explained(error: unknown, service: string): unknown {
  if (!(error instanceof ConsulRefusal) || error.status !== 403) return error
  const rule = `service "${service}" { policy = "write" }`
  const why = /ACL not found/.test(error.words)
    ? `the agent knows no such token; registration takes one with the rule ${rule}`
    : `the token lacks the rule ${rule}`
  return new ConsulRefusal(403, error.words, `${error.message}: ${why}`)
}
