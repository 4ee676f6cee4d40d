import { createServer, type Server as HttpServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { type Dispatcher, getGlobalDispatcher } from 'undici'
import type { Ambient } from '../../src/core/ambient.ts'
import type { Attempt } from '../../src/core/attempt.ts'
import type { Call } from '../../src/core/call.ts'
import { type EndpointSpec, type EndpointState, endpointId } from '../../src/core/endpoint.ts'
import { MeshError } from '../../src/core/errors.ts'
import { SILENT } from '../../src/core/events.ts'
import type { CancelReason, Hop, Observer } from '../../src/core/hop.ts'
import type { Leaf, LeafFactory } from '../../src/core/leaf.ts'
import { type Outcome, refusal } from '../../src/core/outcome.ts'
import type { Params, ServicePlan, Snapshot } from '../../src/core/plan.ts'
import type { Clock } from '../../src/core/ports.ts'
import type { LifecycleState, Runtime } from '../../src/core/runtime.ts'
import { createHttpLeafFactory, type HttpLeafDeps } from '../../src/http/leaf.ts'
import { MeshDispatcher } from '../../src/http/seam.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { FakeService, makePlan, makeRoute } from './builders.ts'

/** What one attempt reported, in order. */
export interface Report {
  readonly number: number
  readonly endpoint: string
  readonly events: string[]
  head: Outcome | undefined
  end: Outcome | undefined
}

export interface HarnessOptions {
  /** `address:port` of the endpoints, tried in turn. */
  readonly endpoints: readonly string[]
  /** Attempts a call may make; default 1. Another follows where the last was unsent, or failed and may be repeated. */
  readonly attempts?: number
  readonly replayBytes?: number
  readonly idempotent?: boolean
  readonly clock?: Clock
  readonly state?: LifecycleState
  readonly deadlineMs?: number
  readonly covers?: 'call' | 'head'
  readonly connectTimeoutMs?: number
  readonly idleTimeoutMs?: number
  readonly hosts?: readonly string[]
  readonly previous?: Dispatcher
  readonly wall?: () => number
  /** Where leaves come from; default one of its own. */
  readonly factory?: LeafFactory
  /** What of the leaf is mutual TLS. */
  readonly secure?: Pick<HttpLeafDeps, 'identity' | 'mtls' | 'random'>
  /** The policy of the service. */
  readonly params?: Params
  /** What a registry says of every endpoint. */
  readonly spec?: Spec
  /** What it says of one of them instead, by `address:port`. */
  readonly specs?: Readonly<Record<string, Spec>>
  /** The service that endpoints belong to; default `orders`. */
  readonly service?: string
}

type Spec = Pick<EndpointSpec, 'identity' | 'mtls'>

interface Opened {
  readonly endpoint: EndpointState
  readonly leaf: Leaf
}

/** A mesh of one service `orders` with nothing between the seam and the leaf but the making of attempts. */
export class Harness {
  readonly dispatcher: MeshDispatcher
  readonly reports: Report[] = []
  readonly calls: Call<unknown>[] = []
  /** How each logical call ended, as its topmost observer heard it. */
  readonly ends: Outcome[] = []
  readonly runtime: Runtime
  ambient: Ambient | undefined
  state: LifecycleState
  snapshot: Snapshot
  readonly #options: HarnessOptions
  readonly #leaves: Opened[]
  #becomeReady: (() => void) | undefined
  #failStart: ((error: unknown) => void) | undefined

  constructor(options: HarnessOptions) {
    this.#options = options
    this.state = options.state ?? 'ready'
    const clock = options.clock ?? systemClock
    const wall = options.wall ?? (() => 1_700_000_000_000)
    const factory = options.factory ?? createHttpLeafFactory({ clock, wall, ...options.secure })
    const service = new FakeService({
      connect: { timeout: options.connectTimeoutMs ?? 1000, idleTimeout: options.idleTimeoutMs ?? 4000 },
      ...options.params,
    })
    if (options.service !== undefined) Object.assign(service, { name: options.service })
    this.#leaves = options.endpoints.map((id) => {
      const endpoint = endpointOf(id, service, options.specs?.[id] ?? options.spec)
      return { endpoint, leaf: factory.open(endpoint) }
    })
    this.snapshot = snapshotOf(options)
    const started = new Promise<void>((resolve, reject) => {
      this.#becomeReady = resolve
      this.#failStart = reject
    })
    started.catch(() => {})
    const self = this
    this.runtime = {
      service: 'web',
      get snapshot() {
        return self.snapshot
      },
      get state() {
        return self.state
      },
      clock,
      wall: () => 1_700_000_000_000,
      random: () => 0.5,
      events: SILENT,
      log: { debug() {}, info() {}, warn() {}, error() {} },
      ambient: { get: () => self.ambient, run: (_ambient, fn) => fn() },
      suffixes: ['mesh', 'mesh.internal'],
      stackFor: () => this.#stack,
      inbound: (leaf) => leaf,
      inboundRoute: makeRoute(),
      plan: (name) => self.snapshot.services.get(name),
      endpoints: () => undefined,
      whenReady: () => started,
      tracing: { capture: () => undefined, with: (_context, fn) => fn() },
      servers: { add() {}, remove() {} },
      shutdown: () => Promise.resolve(),
    }
    this.dispatcher = new MeshDispatcher(this.runtime, {
      previous: () => options.previous ?? getGlobalDispatcher(),
    })
  }

  get last(): Report {
    return this.reports.at(-1) as Report
  }

  get ended(): boolean {
    return this.last.end !== undefined
  }

  ready(): void {
    this.state = 'ready'
    this.#becomeReady?.()
  }

  failStart(error: unknown): void {
    this.#failStart?.(error)
  }

  async close(): Promise<void> {
    await Promise.all(this.#leaves.map(({ leaf }) => leaf.close()))
  }

  readonly #stack: Hop<Call<unknown>> = (call, observer) => {
    const { deadlineMs, covers = 'head' } = this.#options
    const { clock } = this.runtime
    this.calls.push(call)
    call.covers = covers
    if (deadlineMs !== undefined) call.deadline = clock.now() + deadlineMs
    if (this.#leaves.length === 0) {
      observer.end(refusal(new MeshError('TULLE_NO_ENDPOINT', 'none', { layer: 'pick' })))
      return () => {}
    }
    const tries = new Tries(call, observer, this.#options.attempts ?? 1, (attempt, up) => {
      const { endpoint, leaf } = this.#leaves[(attempt.number - 1) % this.#leaves.length] as Opened
      attempt.endpoint = endpoint
      const report: Report = {
        number: attempt.number,
        endpoint: endpoint.id,
        events: [],
        head: undefined,
        end: undefined,
      }
      this.reports.push(report)
      return leaf.hop(attempt, new Tap(report, up))
    })
    tries.onEnd = (outcome) => this.ends.push(outcome)
    tries.go(clock.now())
    return (reason) => tries.cancel(reason)
  }
}

/** The plainest thing that makes attempts: no back-off, no budget; what it may repeat, it repeats. */
class Tries implements Observer {
  onEnd: (outcome: Outcome) => void = () => {}
  readonly #call: Call<unknown>
  readonly #up: Observer
  readonly #limit: number
  readonly #next: Hop<Attempt<unknown>>
  #number = 0
  #cancel: ((reason: CancelReason) => void) | undefined
  #again = false

  constructor(call: Call<unknown>, up: Observer, limit: number, next: Hop<Attempt<unknown>>) {
    this.#call = call
    this.#up = up
    this.#limit = limit
    this.#next = next
  }

  go(now: number): void {
    this.#again = false
    const number = ++this.#number
    this.#call.attempts = number
    this.#cancel = this.#next(
      { call: this.#call, number, startedMs: now, fairMs: 0, tried: new Set(), outbox: new Map() },
      this,
    )
  }

  cancel(reason: CancelReason): void {
    this.#again = false
    this.#cancel?.(reason)
  }

  sent(): void {
    this.#up.sent?.()
  }

  head(outcome: Outcome): 'deliver' | 'discard' {
    this.#again = this.#repeatable(outcome)
    return this.#again ? 'discard' : this.#up.head(outcome)
  }

  end(outcome: Outcome): void {
    if (this.#again || this.#repeatable(outcome)) {
      // Long enough for undici to take a drained connection back.
      setTimeout(() => this.go(0), 5)
      return
    }
    this.onEnd(outcome)
    this.#up.end(outcome)
  }

  #repeatable(outcome: Outcome): boolean {
    if (this.#number >= this.#limit || outcome.committed || !this.#call.replayable) return false
    if (outcome.error?.refusal === true) return false
    return outcome.unsent || (outcome.class === 'failure' && this.#call.idempotent)
  }
}

/** Writes down what a leaf reports and checks the laws of observers. */
class Tap implements Observer {
  readonly #report: Report
  readonly #up: Observer

  constructor(report: Report, up: Observer) {
    this.#report = report
    this.#up = up
  }

  sent(): void {
    this.#note('sent')
    this.#up.sent?.()
  }

  head(outcome: Outcome): 'deliver' | 'discard' {
    this.#note('head')
    this.#report.head = outcome
    return this.#up.head(outcome)
  }

  end(outcome: Outcome): void {
    this.#note('end')
    this.#report.end = outcome
    this.#up.end(outcome)
  }

  #note(event: string): void {
    const { events } = this.#report
    if (events.includes('end') || events.includes(event))
      throw new Error(`${event} after ${events.join(', ')}`)
    events.push(event)
  }
}

function endpointOf(id: string, service: FakeService, spec: Spec | undefined): EndpointState {
  const colon = id.lastIndexOf(':')
  const address = id.slice(0, colon).replace(/^\[|\]$/g, '')
  const port = Number(id.slice(colon + 1))
  return {
    ...spec,
    address,
    port,
    id: endpointId(address, port),
    weight: 1,
    load: { inFlight: 0, ewmaMs: 30, stampMs: 0, oldestMs: Number.POSITIVE_INFINITY, penaltyEndMs: 0 },
    service,
    slot: (slot) => slot.make(),
    hop: () => {
      throw new Error('the harness picks by itself')
    },
    params: (piece) => service.params(piece),
    ejected: false,
    eject: () => false,
    offerProbe() {},
    readmit() {},
  }
}

function snapshotOf({ replayBytes = 65_536, idempotent = false, hosts = [] }: HarnessOptions): Snapshot {
  const route = makeRoute({ replayBytes, idempotent, policyVersion: '7' })
  const plan: ServicePlan = makePlan({}, { routes: [route], route: () => route })
  return {
    version: '7',
    services: new Map([['orders', plan]]),
    hosts: new Map(hosts.map((host) => [host, plan])),
  }
}

export interface Listening {
  readonly address: string
  readonly port: number
  readonly connections: () => number
  close(): Promise<void>
}

/** A plain HTTP server on a port of its own. */
export function serveHttp(
  listener: RequestListener,
  prepare?: (server: HttpServer) => void,
): Promise<Listening> {
  const server = createServer(listener)
  prepare?.(server)
  return listening(server)
}

/** A server that gets the bare socket, for answers no HTTP server would give. */
export function serveTcp(onSocket: (socket: Socket) => void): Promise<Listening> {
  return listening(
    createTcpServer((socket) => {
      socket.on('error', () => {})
      onSocket(socket)
    }),
  )
}

export async function listening(server: Server): Promise<Listening> {
  const sockets = new Set<Socket>()
  let connections = 0
  server.on('connection', (socket: Socket) => {
    connections++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    address: `127.0.0.1:${port}`,
    port,
    connections: () => connections,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

/** A port nobody listens on. */
export async function deadPort(): Promise<string> {
  const server = await serveTcp(() => {})
  await server.close()
  return server.address
}
