import { NO_AMBIENT } from '../../src/core/ambient.ts'
import type { Attempt } from '../../src/core/attempt.ts'
import type { Call } from '../../src/core/call.ts'
import type { Endpoint, EndpointSpec, EndpointState } from '../../src/core/endpoint.ts'
import { endpointId } from '../../src/core/endpoint.ts'
import type { EventMap, EventName, Events } from '../../src/core/events.ts'
import type { Deps } from '../../src/core/module.ts'
import type { PolicyPiece } from '../../src/core/piece.ts'
import type { Params, Route, ServicePlan } from '../../src/core/plan.ts'
import type { Random } from '../../src/core/ports.ts'
import type { ServiceState, Slot } from '../../src/core/service.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { seeded } from './random.ts'

export function makeRoute(more: Partial<Route> = {}): Route {
  const service = more.service ?? 'orders'
  return {
    service,
    name: service,
    params: {},
    policyVersion: '1',
    replayBytes: 65_536,
    idempotent: false,
    cancel: 'safe',
    ...more,
  }
}

export function makePlan(params: Params = {}, more: Partial<ServicePlan> = {}): ServicePlan {
  const route = makeRoute({ params })
  return {
    service: 'orders',
    version: '1',
    params,
    hosts: [],
    endpoints: [],
    routes: [route],
    route: () => route,
    ...more,
  }
}

const SAFE = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']

/** A call as a seam makes it: no deadline yet, idempotent by its method. */
export function makeCall<W = undefined>(more: Partial<Call<W>> = {}): Call<W> {
  const method = more.method ?? 'GET'
  return {
    protocol: 'http',
    method,
    path: '/v1/items',
    route: makeRoute(),
    ambient: NO_AMBIENT,
    options: {},
    replayable: true,
    idempotent: SAFE.includes(method),
    wire: undefined as W,
    target: { service: 'orders' },
    deadline: Number.POSITIVE_INFINITY,
    covers: 'call',
    attempts: 0,
    fork: () => undefined,
    ...more,
  }
}

export function makeAttempt<W = undefined>(more: Partial<Attempt<W>> = {}): Attempt<W> {
  return {
    call: makeCall<W>(),
    number: 1,
    startedMs: 1_000_000,
    fairMs: 7_500,
    tried: new Set<Endpoint>(),
    outbox: new Map(),
    ...more,
  }
}

/** A service that a test steers: endpoints and readiness by hand, `pick` in turn. */
export class FakeService implements ServiceState {
  readonly name: string = 'orders'
  plan: ServicePlan
  endpoints: FakeEndpoint[] = []
  ready = true
  readonly #slots = new Map<Slot<unknown>, unknown>()
  readonly #waiting = new Set<() => void>()
  #turn = 0

  constructor(params: Params = {}) {
    this.plan = makePlan(params)
  }

  params<P>(piece: PolicyPiece<P>): P {
    return piece.key in this.plan.params ? (this.plan.params[piece.key] as P) : piece.defaults
  }

  slot<T>(slot: Slot<T>): T {
    if (!this.#slots.has(slot)) this.#slots.set(slot, slot.make())
    return this.#slots.get(slot) as T
  }

  onReady(fn: () => void): () => void {
    this.#waiting.add(fn)
    return () => {
      this.#waiting.delete(fn)
    }
  }

  /** How many wait for the first endpoint set. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** The first endpoint set arrives. */
  becomeReady(): void {
    this.ready = true
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const fn of waiting) fn()
  }

  /** Adds endpoints at ports 4001, 4002, … */
  populate(count: number): FakeEndpoint[] {
    for (let n = 0; n < count; n++) this.endpoints.push(new FakeEndpoint(this, 4001 + this.endpoints.length))
    return this.endpoints
  }

  pick(attempt: Attempt<unknown>): EndpointState | undefined {
    const from = this.#turn++
    const inTurn = this.endpoints.map((_, n) => this.endpoints[(from + n) % this.endpoints.length])
    return inTurn.find((endpoint) => endpoint !== undefined && !attempt.tried.has(endpoint)) ?? inTurn[0]
  }
}

/** An endpoint that records what the layers do to it. */
export class FakeEndpoint implements EndpointState {
  readonly address: string
  readonly port: number
  readonly weight: number
  readonly id: string
  readonly service: FakeService
  readonly load = { inFlight: 0, ewmaMs: 30, stampMs: 0, oldestMs: Number.POSITIVE_INFINITY, penaltyEndMs: 0 }
  ejected = false
  /** What `eject()` answers. */
  ejectable = true
  readonly done: ('eject' | 'probe' | 'readmit')[] = []
  readonly #slots = new Map<Slot<unknown>, unknown>()

  constructor(service: FakeService = new FakeService(), port = 4001, spec: Partial<EndpointSpec> = {}) {
    this.service = service
    this.address = spec.address ?? '127.0.0.1'
    this.port = port
    this.weight = spec.weight ?? 1
    this.id = endpointId(this.address, port)
  }

  slot<T>(slot: Slot<T>): T {
    if (!this.#slots.has(slot)) this.#slots.set(slot, slot.make())
    return this.#slots.get(slot) as T
  }

  hop(): never {
    throw new Error('this test picks nothing')
  }

  params<P>(piece: PolicyPiece<P>): P {
    return this.service.params(piece)
  }

  eject(): boolean {
    this.done.push('eject')
    if (this.ejectable) this.ejected = true
    return this.ejectable
  }

  offerProbe(): void {
    this.done.push('probe')
  }

  readmit(): void {
    this.done.push('readmit')
    this.ejected = false
  }
}

/** Keeps every event, in order. */
export class Journal implements Events {
  readonly entries: { [N in EventName]: readonly [N, EventMap[N]] }[EventName][] = []

  wants(): boolean {
    return true
  }

  emit<N extends EventName>(name: N, payload: EventMap[N]): void {
    this.entries.push([name, payload] as never)
  }

  on(): () => void {
    return () => {}
  }

  of<N extends EventName>(name: N): EventMap[N][] {
    return this.entries.filter((entry) => entry[0] === name).map((entry) => entry[1] as EventMap[N])
  }
}

export interface TestDeps extends Deps {
  readonly clock: ManualClock
  readonly events: Journal
  readonly service: FakeService
  readonly endpoint: FakeEndpoint
}

/** A manual clock, a seeded random, a journal and a steerable service. */
export function makeDeps(
  more: { params?: Params; random?: Random; service?: FakeService; clock?: ManualClock } = {},
): TestDeps {
  const service = more.service ?? new FakeService(more.params)
  const clock = more.clock ?? new ManualClock()
  return {
    clock,
    wall: () => 1_700_000_000_000 + clock.now(),
    random: more.random ?? seeded(1),
    events: new Journal(),
    service,
    endpoint: new FakeEndpoint(service),
    enter: () => {
      throw new Error('this test enters no other stack')
    },
  }
}
