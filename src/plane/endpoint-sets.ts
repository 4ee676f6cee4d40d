import { endpointId } from '../core/endpoint.ts'
import type { EndpointWire } from '../core/plane-wire.ts'

interface Held {
  /** By instance; who came last says what the endpoint is like. */
  readonly holders: Map<string, EndpointWire>
}

interface ServiceSet {
  readonly endpoints: Map<string, Held>
  revision: number
  /** Its endpoints as JSON, made when first asked for after a change. */
  json: string | undefined
}

export interface KnownEndpoint {
  readonly endpoint: EndpointWire
  /** How many instances hold it. */
  readonly instances: number
}

/**
 * Endpoints by service, each held by the instances that serve it: four workers on one port are one endpoint, which is
 * there until the last of them is gone. Revisions count up together, so that the highest one of some services and of
 * the list of names changes when anything about them does.
 */
export class EndpointSets {
  readonly #services = new Map<string, ServiceSet>()
  readonly #onChange: (service: string) => void
  readonly #onNames: () => void
  #revision = 0
  #namesRevision = 0
  #namesJson: string | undefined

  /** @param onNames a service has appeared or disappeared */
  constructor(onChange: (service: string) => void, onNames: () => void) {
    this.#onChange = onChange
    this.#onNames = onNames
  }

  get size(): number {
    return this.#services.size
  }

  has(service: string): boolean {
    return this.#services.has(service)
  }

  sizeOf(service: string): number {
    return this.#services.get(service)?.endpoints.size ?? 0
  }

  names(): string[] {
    return [...this.#services.keys()].sort()
  }

  of(service: string): readonly KnownEndpoint[] {
    return [...(this.#services.get(service)?.endpoints.values() ?? [])].map(({ holders }) => ({
      endpoint: latest(holders),
      instances: holders.size,
    }))
  }

  /** Of the names and of these services together. */
  revision(services: readonly string[]): number {
    return services.reduce(
      (highest, service) => Math.max(highest, this.#services.get(service)?.revision ?? 0),
      this.#namesRevision,
    )
  }

  /** `endpointsWire`, as text. */
  json(services: readonly string[]): string {
    this.#namesJson ??= JSON.stringify(this.names())
    const sets = services.map((service) => `${JSON.stringify(service)}:${this.#setJson(service)}`)
    return `{"services":{${sets.join(',')}},"known":${this.#namesJson}}`
  }

  /** Replaces what an instance holds of a service. */
  hold(instance: string, service: string, endpoints: readonly EndpointWire[]): void {
    const fresh = new Map(endpoints.map((one) => [endpointId(one.address, one.port), one]))
    let changed = false
    const set = this.#services.get(service)
    for (const [id, { holders }] of set?.endpoints ?? []) {
      if (!holders.has(instance) || fresh.has(id)) continue
      changed = letGo(set as ServiceSet, id, holders, instance) || changed
    }
    for (const [id, endpoint] of fresh) changed = this.#add(instance, service, id, endpoint) || changed
    this.#settle(service, changed)
  }

  #add(instance: string, service: string, id: string, endpoint: EndpointWire): boolean {
    let set = this.#services.get(service)
    if (set === undefined) {
      set = { endpoints: new Map(), revision: 0, json: undefined }
      this.#services.set(service, set)
    }
    const held = set.endpoints.get(id)
    if (held === undefined) {
      set.endpoints.set(id, { holders: new Map([[instance, endpoint]]) })
      return true
    }
    const before = JSON.stringify(latest(held.holders))
    held.holders.delete(instance)
    held.holders.set(instance, endpoint)
    return JSON.stringify(endpoint) !== before
  }

  #settle(service: string, changed: boolean): void {
    const set = this.#services.get(service)
    if (!changed || set === undefined) return
    const appeared = set.revision === 0
    set.revision = ++this.#revision
    set.json = undefined
    const disappeared = set.endpoints.size === 0
    if (disappeared) this.#services.delete(service)
    if (appeared || disappeared) {
      this.#namesRevision = this.#revision
      this.#namesJson = undefined
      this.#onNames()
    }
    this.#onChange(service)
  }

  #setJson(service: string): string {
    const set = this.#services.get(service)
    if (set === undefined) return '[]'
    set.json ??= JSON.stringify([...set.endpoints.values()].map(({ holders }) => latest(holders)))
    return set.json
  }
}

/** @returns whether what is told of the endpoint has changed */
function letGo(set: ServiceSet, id: string, holders: Map<string, EndpointWire>, instance: string): boolean {
  const before = JSON.stringify(latest(holders))
  holders.delete(instance)
  if (holders.size > 0) return JSON.stringify(latest(holders)) !== before
  set.endpoints.delete(id)
  return true
}

function latest(holders: ReadonlyMap<string, EndpointWire>): EndpointWire {
  let last: EndpointWire | undefined
  for (const endpoint of holders.values()) last = endpoint
  return last as EndpointWire
}
