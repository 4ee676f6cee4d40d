import type { BatchObservableResult, Meter, Observable } from '@opentelemetry/api'
import type { Endpoint, EndpointState } from '../core/endpoint.ts'
import type { EventMap, Events } from '../core/events.ts'
import type { ServiceState } from '../core/service.ts'
import { OVERFLOW } from './duration.ts'
import { Observables } from './observables.ts'
import { Tally } from './tally.ts'

const OUTCOMES = ['success', 'failure', 'ignored'] as const

/** How the attempts at one endpoint ended: plain numbers, because they are counted on every attempt. */
export type EndpointCounts = Record<(typeof OUTCOMES)[number], number>

interface ServiceCounts {
  retries: number
  readonly refused: Record<EventMap['retry-refused']['reason'], number>
  ejections: number
  breaker: EventMap['breaker']['state']
}

/** Addresses beyond this are reported as one: three sets each, and an SDK keeps 2,000 of an instrument. */
const MAX_ENDPOINTS = 500
/** Addresses are looked through for those that went whenever there are twice as many as last time, and not below this. */
const SWEEP_FROM = 64
const BREAKER = { closed: 0, 'half-open': 1, open: 2 } as const

/**
 * What one mesh counts by itself and shows through observable instruments: a count costs an addition, and looking
 * costs whoever looks.
 */
export class Counts {
  readonly #services = new Map<string, { readonly state: ServiceState; readonly counts: ServiceCounts }>()
  readonly #endpoints = new Map<EndpointState, EndpointCounts>()
  readonly #plaintext = new Tally('peer')
  readonly #refusedHere = new Tally('reason')
  readonly #events: Events
  #sweepAt = SWEEP_FROM
  #meter: Meter | undefined
  #detach: (() => void) | undefined

  constructor(events: Events) {
    this.#events = events
  }

  /** Makes a service known; its gauges are shown from now on. */
  watch(state: ServiceState): void {
    const counts = this.#services.get(state.name)?.counts ?? {
      retries: 0,
      refused: { budget: 0, deadline: 0, limit: 0, unreplayable: 0 },
      ejections: 0,
      breaker: 'closed',
    }
    this.#services.set(state.name, { state, counts })
  }

  /** How many endpoints are counted. */
  get kept(): number {
    return this.#endpoints.size
  }

  endpoint(endpoint: EndpointState): EndpointCounts {
    let counts = this.#endpoints.get(endpoint)
    if (counts === undefined) {
      // A meter provider without a reader never looks.
      if (this.#endpoints.size >= this.#sweepAt) this.#forgetRemoved()
      counts = { success: 0, failure: 0, ignored: 0 }
      this.#endpoints.set(endpoint, counts)
    }
    return counts
  }

  /** Shows the counts through this meter, and through no other any more, until the mesh is closed. */
  attach(meter: Meter): void {
    if (meter === this.#meter) return
    this.detach()
    this.#meter = meter
    const removals = this.#listen()
    const observables = new Observables(meter)
    const observe = (result: BatchObservableResult): void => this.#observe(observables, result)
    meter.addBatchObservableCallback(observe, observables.all)
    this.#detach = () => {
      meter.removeBatchObservableCallback(observe, observables.all)
      for (const remove of removals) remove()
    }
  }

  detach(): void {
    this.#detach?.()
    this.#detach = undefined
    this.#meter = undefined
  }

  #listen(): readonly (() => void)[] {
    const count = (service: string, change: (counts: ServiceCounts) => void): void => {
      const known = this.#services.get(service)
      if (known !== undefined) change(known.counts)
    }
    const events = this.#events
    return [
      events.on('retry', ({ service }) => count(service, (counts) => counts.retries++)),
      events.on('retry-refused', ({ service, reason }) =>
        count(service, (counts) => counts.refused[reason]++),
      ),
      events.on('ejected', ({ service }) => count(service, (counts) => counts.ejections++)),
      events.on('breaker', ({ service, state }) =>
        count(service, (counts) => {
          counts.breaker = state
        }),
      ),
      events.on('plaintext-request', ({ peer }) => this.#plaintext.add(peer ?? '')),
      events.on('connection-refused', ({ reason }) => this.#refusedHere.add(reason)),
      events.on('state', ({ to }) => {
        if (to === 'closed') this.detach()
      }),
    ]
  }

  #observe(to: Observables, result: BatchObservableResult): void {
    for (const [name, { state, counts }] of this.#services) {
      const labels = { 'tulle.service': name }
      result.observe(to.known, state.endpoints.length, labels)
      result.observe(to.available, state.endpoints.filter(isAvailable).length, labels)
      result.observe(to.breaker, BREAKER[counts.breaker], labels)
      result.observe(to.retries, counts.retries, labels)
      result.observe(to.ejections, counts.ejections, labels)
      for (const [reason, number] of Object.entries(counts.refused))
        result.observe(to.refused, number, { ...labels, reason })
    }
    this.#plaintext.observe(to.plaintext, result)
    this.#refusedHere.observe(to.connectionsRefused, result)
    this.#forgetRemoved()
    this.#observeEndpoints(to.attempts, result)
  }

  #observeEndpoints(attempts: Observable, result: BatchObservableResult): void {
    const rest: EndpointCounts = { success: 0, failure: 0, ignored: 0 }
    let shown = 0
    for (const [endpoint, counts] of this.#endpoints) {
      const labels = { 'tulle.service': endpoint.service.name, 'tulle.endpoint': endpoint.id }
      for (const outcome of OUTCOMES) {
        if (shown < MAX_ENDPOINTS) result.observe(attempts, counts[outcome], { ...labels, outcome })
        else rest[outcome] += counts[outcome]
      }
      shown++
    }
    if (shown <= MAX_ENDPOINTS) return
    for (const outcome of OUTCOMES) result.observe(attempts, rest[outcome], { ...OVERFLOW, outcome })
  }

  /** Addresses come and go for as long as the process lives; what was counted of those that went goes with them. */
  #forgetRemoved(): void {
    const services = new Set<ServiceState>()
    for (const { service } of this.#endpoints.keys()) services.add(service)
    const known = new Set<Endpoint>()
    for (const { endpoints } of services) for (const endpoint of endpoints) known.add(endpoint)
    for (const endpoint of this.#endpoints.keys()) if (!known.has(endpoint)) this.#endpoints.delete(endpoint)
    this.#sweepAt = Math.max(SWEEP_FROM, 2 * this.#endpoints.size)
  }
}

/** Every endpoint of a table is a state; the port promises only what most readers need. */
function isAvailable(endpoint: Endpoint): boolean {
  return (endpoint as Partial<EndpointState>).ejected !== true
}

const meshes = new WeakMap<Events, Counts>()

/** The counts of the mesh these events belong to. */
export function countsOf(events: Events): Counts {
  let counts = meshes.get(events)
  if (counts === undefined) {
    counts = new Counts(events)
    meshes.set(events, counts)
  }
  return counts
}
