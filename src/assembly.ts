import { Addresses } from './addresses.ts'
import type { Config } from './config.ts'
import type { PolicyFeed } from './control/feed.ts'
import { PolicyFileSource } from './control/file.ts'
import { InlinePolicy } from './control/inline.ts'
import { nearest } from './control/nearest.ts'
import type { EndpointState } from './core/endpoint.ts'
import type { Leaf, LeafFactory } from './core/leaf.ts'
import type { Clock, Logger } from './core/ports.ts'
import { sources } from './discovery/index.ts'
import { Endpoints } from './endpoints/registry.ts'
import { ServiceTable, type TableDeps } from './endpoints/table.ts'
import { createHttpLeafFactory } from './http/leaf.ts'
import { Lifecycle } from './lifecycle.ts'
import { ambientStore } from './platform/als.ts'
import { systemClock, systemWall } from './platform/clock.ts'
import { systemRandom } from './platform/random.ts'
import { Policies } from './policies.ts'
import { BUILT_IN, builtInPlan, compile } from './policy/compile.ts'
import { connectPiece } from './policy/connect.ts'
import { createParser } from './policy/parse.ts'
import { createGate, type Gate } from './resilience/gate.ts'
import { MeshRuntime } from './runtime.ts'
import { buildEndpoint, policyPieces } from './stack.ts'
import { attachAccessLog } from './telemetry/access-log.ts'
import { EventBus } from './telemetry/events.ts'
import { createLogger } from './telemetry/log.ts'
import { tracing } from './telemetry/tracing.ts'

/** The parts of a mesh, connected. */
export interface Assembly {
  readonly config: Config
  readonly log: Logger
  readonly gate: Gate
  readonly endpoints: Endpoints
  readonly policies: Policies
  readonly addresses: Addresses
  readonly lifecycle: Lifecycle
  readonly runtime: MeshRuntime
  /** Where the inbound layers keep what they count. */
  readonly own: ServiceTable
}

/** What the parts ask of the mesh they belong to. */
export interface Whole {
  start(): Promise<void>
  shutdown(how?: { readonly graceMs?: number | undefined }): Promise<void>
}

/** Builds and connects the parts: the one place where platform, rooms and configuration meet. Does no I/O. */
export function assemble(config: Config, whole: Whole): Assembly {
  const { clock = systemClock, random = systemRandom } = config
  const log = createLogger(config.log, config.logger)
  const events = new EventBus((name, error) =>
    log.error('a listener threw', { event: name, error: String(error) }),
  )
  if (config.accessLog !== undefined) attachAccessLog(config.accessLog, events, log)
  const gate = createGate()
  const tables = tableDeps(
    { clock, random, events },
    createHttpLeafFactory({ clock, wall: systemWall }),
    () => runtime,
  )
  const plan = builtInPlan(config.service, policyPieces)
  const endpoints = new Endpoints(tables)
  const own = new ServiceTable(plan, tables)
  const source = sources.static!({ endpoints: config.endpoints })
  const addresses = new Addresses(source, endpoints, log)
  const policies = new Policies({
    feed: () => feedOf(config, clock),
    pieces: policyPieces,
    known: () => source.known(),
    apply: (snapshot) => {
      runtime.apply(snapshot)
      addresses.follow(snapshot.services)
    },
    events,
    log,
  })
  const lifecycle = new Lifecycle([policies, addresses], config.startTimeoutMs, clock, events)
  const world = {
    service: config.service,
    suffixes: config.suffixes,
    inboundPaths: config.paths,
    clock,
    wall: systemWall,
    random,
    events,
    log,
    ambient: ambientStore,
    tracing,
    gate,
    identity: undefined,
    inboundMtls: 'disable' as const,
    onServer: () => {},
    endpoints,
    own,
    inboundRoute: plan.routes.at(-1)!,
    lifecycle: () => lifecycle.state,
    whenReady: () => whole.start(),
    shutdown: (how?: { readonly graceMs?: number | undefined }) => whole.shutdown(how),
  }
  const runtime = new MeshRuntime(world, compile([], policyPieces, { version: BUILT_IN }).snapshot)
  return { config, log, gate, endpoints, policies, addresses, lifecycle, runtime, own }
}

/** How endpoints get their layers: the transport of the protocol with the endpoint's stack above it. */
function tableDeps(
  ports: Pick<TableDeps, 'clock' | 'random' | 'events'>,
  leaves: LeafFactory,
  runtime: () => MeshRuntime,
): TableDeps {
  return {
    ...ports,
    reopenOn: [connectPiece.key],
    open: (endpoint) => layered(endpoint, leaves.open(endpoint), runtime()),
  }
}

function layered(endpoint: EndpointState, leaf: Leaf, runtime: MeshRuntime): Leaf {
  const deps = { ...runtime.deps(endpoint.service), endpoint }
  const { hop } = buildEndpoint(leaf.hop, endpoint.service.plan.params, deps)
  return { hop, close: () => leaf.close(), destroy: () => leaf.destroy() }
}

function feedOf({ policy, policyHosts }: Config, clock: Clock): PolicyFeed | undefined {
  const parse = createParser({ pieces: policyPieces, allowedHosts: policyHosts, nearest })
  if (policy === undefined || policy === '') return undefined
  return typeof policy === 'string'
    ? new PolicyFileSource({ path: policy, parse, clock })
    : new InlinePolicy(policy, parse)
}
