import { type InterceptingListener, Metadata, type StatusObject } from '@grpc/grpc-js'
import type { Ambient } from '../../../src/core/ambient.ts'
import type { Call } from '../../../src/core/call.ts'
import type { Route, ServicePlan } from '../../../src/core/plan.ts'
import { type HasRuntime, type LifecycleState, RUNTIME, type Runtime } from '../../../src/core/runtime.ts'
import type { GrpcWire, Link } from '../../../src/grpc/wire.ts'
import { EventBus } from '../../../src/telemetry/events.ts'
import { ManualClock } from '../../../src/testing/manual-clock.ts'
import { FakeService, makePlan, makeRoute } from '../builders.ts'
import { type Arrival, ScriptedHop } from '../hops.ts'

const WALL_MS = 1_700_000_000_000

/** A mesh of one service `orders`, whose stack and whose attempts the test plays. */
export class ScriptedMesh implements HasRuntime {
  readonly clock = new ManualClock()
  readonly stack = new ScriptedHop<Call<unknown>>(this.clock)
  readonly service = new FakeService()
  readonly events = new EventBus()
  readonly runtime: Runtime
  ambient: Ambient | undefined
  state: LifecycleState = 'ready'
  plans: Map<string, ServicePlan>
  /** How often somebody asked the mesh to start. */
  starts = 0
  newcomer: ((service: string) => Promise<void> | undefined) | undefined
  #started: () => void = () => {}
  #failed: (error: unknown) => void = () => {}

  constructor(route: Partial<Route> = {}) {
    const plan = makePlan({}, { route: () => made })
    const made = makeRoute({ replayBytes: undefined, ...route })
    this.plans = new Map([['orders', plan]])
    const ready = new Promise<void>((resolve, reject) => {
      this.#started = resolve
      this.#failed = reject
    })
    ready.catch(() => {})
    const self = this
    this.runtime = {
      service: 'web',
      suffixes: ['mesh', 'mesh.internal'],
      clock: this.clock,
      events: this.events,
      get snapshot() {
        return { version: '1', services: self.plans, hosts: new Map() }
      },
      get state() {
        return self.state
      },
      wall: () => WALL_MS + self.clock.now() - 1_000_000,
      random: () => 0.5,
      log: { debug() {}, info() {}, warn() {}, error() {} },
      ambient: { get: () => self.ambient, run: (_ambient, fn) => fn() },
      stackFor: () => this.stack.hop,
      inbound: (leaf) => leaf,
      inboundRoute: makeRoute(),
      plan: (name) => self.plans.get(name),
      endpoints: (name) => (self.plans.has(name) ? this.service : undefined),
      newcomer: (name) => self.newcomer?.(name),
      nearest: (name, names) => [...names].find((one) => one[0] === name[0]),
      whenReady: () => {
        self.starts++
        if (self.state === 'idle') self.state = 'starting'
        return ready
      },
      tracing: { capture: () => undefined, with: (_context, fn) => fn() },
      servers: { add() {}, remove() {} },
      shutdown: () => Promise.resolve(),
    }
  }

  get [RUNTIME](): Runtime {
    return this.runtime
  }

  /** In milliseconds of the wall clock. */
  get nowMs(): number {
    return this.runtime.wall()
  }

  become(state: LifecycleState): void {
    const from = this.state
    this.state = state
    if (state === 'ready') this.#started()
    this.events.emit('state', { from, to: state })
  }

  failStart(error: unknown): void {
    this.#failed(error)
  }

  /** The latest call that came down. */
  get last(): Arrival<Call<GrpcWire>> {
    return this.stack.last as Arrival<Call<GrpcWire>>
  }
}

/** An attempt that notes what it is given, and accepts when told. */
export class ScriptedAttempt implements Link {
  readonly log: string[] = []
  #accepted: (() => void) | undefined

  write(message: Buffer, _flags: number | undefined, accepted: () => void): void {
    this.log.push(`write ${message.toString()}`)
    this.#accepted = accepted
  }

  halfClose(): void {
    this.log.push('half-close')
  }

  read(): void {
    this.log.push('read')
  }

  accept(): void {
    const accepted = this.#accepted
    this.#accepted = undefined
    accepted?.()
  }
}

/** What an application hears of one call, in order. */
export class Hearer implements InterceptingListener {
  readonly heard: string[] = []
  status: StatusObject | undefined
  initial: Metadata | undefined
  onHeard: ((what: string) => void) | undefined

  onReceiveMetadata(metadata: Metadata): void {
    this.initial = metadata
    this.#note('metadata')
  }

  onReceiveMessage(message: Buffer): void {
    this.#note(`message ${message.toString()}`)
  }

  onReceiveStatus(status: StatusObject): void {
    this.status = status
    this.#note(`status ${status.code}`)
  }

  #note(what: string): void {
    this.heard.push(what)
    this.onHeard?.(what)
  }
}

export const statusOfPeer = (code: number, details = ''): StatusObject => ({
  code,
  details,
  metadata: new Metadata(),
})

export const nextTick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve))
/** What was promised and what follows from it has happened. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
