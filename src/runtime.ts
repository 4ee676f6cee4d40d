import type { AmbientStore } from './core/ambient.ts'
import type { Authorizer } from './core/authorizer.ts'
import type { Call, Target } from './core/call.ts'
import { MeshError } from './core/errors.ts'
import type { Events } from './core/events.ts'
import { type Hop, NOTHING_TO_CANCEL } from './core/hop.ts'
import type { Identity, MtlsMode } from './core/identity.ts'
import type { Transports } from './core/leaf.ts'
import type { Deps } from './core/module.ts'
import { refusal } from './core/outcome.ts'
import type { Route, ServicePlan, Snapshot } from './core/plan.ts'
import type { Clock, Logger, Random } from './core/ports.ts'
import type {
  DrainingServer,
  Guest,
  LifecycleState,
  Listening,
  ListenOptions,
  PathMode,
  Runtime,
  ServerRegistry,
  TracingPort,
} from './core/runtime.ts'
import type { ServiceState } from './core/service.ts'
import type { Endpoints } from './endpoints/registry.ts'
import { closedError } from './lifecycle.ts'
import type { Gate } from './resilience/gate.ts'
import { type Built, type BuiltLayer, buildInbound, buildRoute, reconcile } from './stack.ts'

/** What the runtime is made of; `mesh.ts` brings it together. */
export interface World {
  readonly service: string
  readonly suffixes: readonly string[]
  readonly inboundPaths: PathMode
  readonly clock: Clock
  wall(): number
  readonly random: Random
  readonly events: Events
  readonly log: Logger
  readonly ambient: AmbientStore
  readonly tracing: TracingPort
  readonly transports: Transports
  readonly gate: Gate
  readonly identity: Identity | undefined
  readonly inboundMtls: MtlsMode
  /** Who may do what here; undefined: everybody who is let in may do everything. */
  readonly authorizer?: Authorizer | undefined
  /** A server begins to take part in the mesh, or ceases to. */
  readonly onServer: (server: DrainingServer, event: 'added' | 'removed') => void
  readonly endpoints: Endpoints
  newcomer(service: string): Promise<void> | undefined
  nearest(name: string, names: Iterable<string>): string | undefined
  /** The server room's way to listen for other protocols than HTTP/1.1, for the runtime it is given. */
  readonly listen: (runtime: Runtime) => (options: ListenOptions, guest: Guest) => Promise<Listening>
  /** Takes a server out of the registry, and waits until callers know. */
  retire(server: DrainingServer): Promise<void>
  /** Where inbound layers keep what they count. */
  readonly own: ServiceState
  readonly inboundRoute: Route
  readonly lifecycle: () => LifecycleState
  whenReady(): Promise<void>
  shutdown(options?: { readonly graceMs?: number | undefined }): Promise<void>
}

/** The runtime the edges see: the snapshot in force and the stacks that were built for it. */
export class MeshRuntime implements Runtime {
  readonly service: string
  readonly suffixes: readonly string[]
  readonly inboundPaths: PathMode
  readonly clock: Clock
  readonly random: Random
  readonly events: Events
  readonly log: Logger
  readonly ambient: AmbientStore
  readonly tracing: TracingPort
  readonly transports: Transports
  readonly inboundRoute: Route
  readonly identity: Identity | undefined
  readonly inboundMtls: MtlsMode
  readonly servers: Servers
  readonly listen: (options: ListenOptions, guest: Guest) => Promise<Listening>
  readonly #world: World
  #snapshot: Snapshot
  #stacks = new Map<Route, Built<Call<unknown>>>()
  #inbound: readonly BuiltLayer[] = []

  constructor(world: World, snapshot: Snapshot) {
    this.#world = world
    this.#snapshot = snapshot
    this.service = world.service
    this.suffixes = world.suffixes
    this.inboundPaths = world.inboundPaths
    this.clock = world.clock
    this.random = world.random
    this.events = world.events
    this.log = world.log
    this.ambient = world.ambient
    this.tracing = world.tracing
    this.transports = world.transports
    this.inboundRoute = world.inboundRoute
    this.identity = world.identity
    this.inboundMtls = world.inboundMtls
    this.servers = new Servers(world.onServer)
    this.listen = world.listen(this)
  }

  get snapshot(): Snapshot {
    return this.#snapshot
  }

  get state(): LifecycleState {
    return this.#world.lifecycle()
  }

  wall(): number {
    return this.#world.wall()
  }

  whenReady(): Promise<void> {
    return this.state === 'closed' ? Promise.reject(closedError()) : this.#world.whenReady()
  }

  shutdown(options?: { readonly graceMs?: number | undefined }): Promise<void> {
    return this.#world.shutdown(options)
  }

  newcomer(service: string): Promise<void> | undefined {
    return this.#world.newcomer(service)
  }

  nearest(name: string, names: Iterable<string>): string | undefined {
    return this.#world.nearest(name, names)
  }

  retire(server: DrainingServer): Promise<void> {
    // A drain of the whole mesh has told the registry already.
    return this.state === 'ready' ? this.#world.retire(server) : Promise.resolve()
  }

  /**
   * Puts a policy in force: new stacks first, and if one cannot be built nothing has changed; then what is counted is
   * brought in line; then one assignment. Running calls keep the route and the stack they started with.
   */
  apply(next: Snapshot): void {
    const { endpoints } = this.#world
    const stacks = new Map<Route, Built<Call<unknown>>>()
    for (const plan of next.services.values()) {
      const deps = this.deps(endpoints.get(plan.service) ?? endpoints.reconcile(plan))
      for (const route of plan.routes)
        stacks.set(route, this.#stacks.get(route) ?? buildRoute(route.params, deps))
    }
    for (const plan of next.services.values()) reconcile(plan.params, endpoints.reconcile(plan))
    for (const service of this.#snapshot.services.keys())
      if (!next.services.has(service)) void endpoints.remove(service)
    this.#stacks = stacks
    this.#snapshot = next
  }

  /** What the layers of a service get besides their parameters. */
  deps(service: ServiceState): Deps {
    return {
      clock: this.clock,
      wall: () => this.#world.wall(),
      random: this.random,
      events: this.events,
      service,
      authorizer: this.#world.authorizer,
      enter: (target) => this.#enter(target),
    }
  }

  stackFor(route: Route): Hop<Call<unknown>> {
    const built = this.#stacks.get(route)
    // A route of an earlier policy: whoever found it entered before the swap, and its stack is made once more.
    return (
      built?.hop ?? buildRoute(route.params, this.deps(this.endpoints(route.service) ?? this.#world.own)).hop
    )
  }

  /** The layers of a route as built, for `mesh.describe`. */
  layersOf(route: Route): readonly BuiltLayer[] {
    return this.#stacks.get(route)?.layers ?? []
  }

  inbound<W>(leaf: Hop<Call<W>>): Hop<Call<W>> {
    const built = buildInbound(this.#world.gate, leaf, this.deps(this.#world.own))
    this.#inbound = built.layers
    return built.hop
  }

  get inboundLayers(): readonly BuiltLayer[] {
    return this.#inbound
  }

  plan(service: string): ServicePlan | undefined {
    return this.#snapshot.services.get(service)
  }

  endpoints(service: string): ServiceState | undefined {
    return this.#world.endpoints.get(service)
  }

  #enter(target: Target): Hop<Call<unknown>> {
    return (call, observer) => {
      const plan = this.plan(target.service)
      if (plan === undefined) {
        observer.end(
          refusal(new MeshError('TULLE_UNKNOWN_SERVICE', `no service ${target.service}`, { layer: 'enter' })),
        )
        return NOTHING_TO_CANCEL
      }
      return this.stackFor(plan.route(call.method, call.path, call.protocol))(call, observer)
    }
  }
}

/** The servers that a drain must wait for. */
class Servers implements ServerRegistry {
  readonly #servers = new Set<DrainingServer>()
  readonly #onServer: World['onServer']

  constructor(onServer: World['onServer']) {
    this.#onServer = onServer
  }

  add(server: DrainingServer): void {
    if (this.#servers.has(server)) return
    this.#servers.add(server)
    this.#onServer(server, 'added')
  }

  remove(server: DrainingServer): void {
    if (this.#servers.delete(server)) this.#onServer(server, 'removed')
  }

  get size(): number {
    return this.#servers.size
  }

  [Symbol.iterator](): IterableIterator<DrainingServer> {
    return [...this.#servers].values()
  }
}
