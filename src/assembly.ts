import { Addresses } from './addresses.ts'
import type { Config } from './config.ts'
import type { PolicyFeed } from './control/feed.ts'
import { PolicyFileSource } from './control/file.ts'
import { InlinePolicy } from './control/inline.ts'
import { nearest } from './control/nearest.ts'
import type { EndpointState } from './core/endpoint.ts'
import type { Leaf } from './core/leaf.ts'
import type { Clock, Logger, Part } from './core/ports.ts'
import type { DrainingServer } from './core/runtime.ts'
import { Endpoints } from './endpoints/registry.ts'
import { ServiceTable, type TableDeps } from './endpoints/table.ts'
import { HealthPort } from './health-port.ts'
import { Lifecycle } from './lifecycle.ts'
import { type Member, memberOf } from './member.ts'
import { Newcomers } from './newcomers.ts'
import { ambientStore } from './platform/als.ts'
import { asyncMark } from './platform/async-mark.ts'
import { systemClock, systemWall } from './platform/clock.ts'
import { systemRandom } from './platform/random.ts'
import { Policies } from './policies.ts'
import { BUILT_IN, builtInPlan, compile } from './policy/compile.ts'
import { connectPiece } from './policy/connect.ts'
import { mtlsPiece } from './policy/mtls.ts'
import { createParser } from './policy/parse.ts'
import type { Health } from './report.ts'
import { createGate, type Gate } from './resilience/gate.ts'
import { MeshRuntime } from './runtime.ts'
import { createListen } from './server/listen.ts'
import { buildEndpoint, policyPieces } from './stack.ts'
import { attachAccessLog } from './telemetry/access-log.ts'
import { EventBus } from './telemetry/events.ts'
import { createLogger } from './telemetry/log.ts'
import { tracing } from './telemetry/tracing.ts'
import { TransportSet } from './transports.ts'

/** The parts of a mesh, connected. */
export interface Assembly {
  readonly config: Config
  readonly log: Logger
  readonly gate: Gate
  readonly endpoints: Endpoints
  readonly policies: Policies
  readonly addresses: Addresses
  readonly member: Member
  readonly lifecycle: Lifecycle
  readonly runtime: MeshRuntime
  /** Where the inbound layers keep what they count. */
  readonly own: ServiceTable
}

/** What the parts ask of the mesh they belong to. */
export interface Whole {
  start(): Promise<void>
  health(): Health
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
  const member = memberOf(
    config,
    { clock, wall: systemWall, random, log },
    { plan: (service) => runtime.plan(service), state: () => lifecycle.state },
  )
  const { identity, mtls, source, registrar } = member
  const transports = new TransportSet({
    clock,
    wall: systemWall,
    random,
    log,
    identity,
    mtls: { mode: mtls.outbound, written: mtls.written },
    ambient: ambientStore,
    asyncMark,
  })
  const tables: TableDeps = {
    ...tableDeps({ clock, random, events }, transports, () => runtime),
    wanted: (service) => addresses.want(service),
  }
  const plan = builtInPlan(config.service, policyPieces)
  const endpoints = new Endpoints(tables)
  const own = new ServiceTable(plan, tables)
  const addresses = new Addresses(source, endpoints, log)
  const policies = new Policies({
    feed: () => feedOf(config, clock, member),
    pieces: policyPieces,
    known: () => source.known(),
    base: () => member.consul?.mesh?.base(),
    apply: (snapshot) => {
      runtime.apply(snapshot)
      addresses.follow(snapshot.services)
      member.consul?.mesh?.replan()
    },
    events,
    log,
  })
  source.onKnown?.(() => policies.recompile())
  member.consul?.mesh?.onBase(() => policies.recompile())
  // Where TLS is switched off in both directions the identity is for the plane alone.
  const secured = mtls.outbound !== 'disable' || mtls.inbound !== 'disable'
  const newcomers = new Newcomers(source, clock)
  const parts: Part[] = [
    ...(config.healthPort === '' ? [] : [new HealthPort(config.healthPort, () => whole.health(), secured)]),
    ...(identity === undefined ? [] : [identity]),
    ...(member.consul?.mesh?.parts ?? []),
    policies,
    addresses,
  ]
  const lifecycle = new Lifecycle(parts, config.startTimeoutMs, clock, events)
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
    transports,
    gate,
    identity: secured ? identity : undefined,
    inboundMtls: mtls.inbound,
    authorizer: member.consul?.mesh?.authorizer,
    onServer: ({ listener }: DrainingServer, event: 'added' | 'removed') => {
      if (listener === undefined) return
      if (event === 'added') registrar?.listen(listener)
      else registrar?.leave(listener)
    },
    newcomer: (service: string) => newcomers.wait(service),
    listen: createListen,
    nearest,
    retire: async ({ listener }: DrainingServer) => {
      if (listener === undefined || registrar === undefined) return
      const delayMs = leavingDelayMs(config, member)
      registrar.leave(listener)
      if (delayMs > 0) await new Promise<void>((resolve) => void clock.after(delayMs, resolve))
    },
    endpoints,
    own,
    inboundRoute: plan.routes.at(-1)!,
    lifecycle: () => lifecycle.state,
    whenReady: () => whole.start(),
    shutdown: (how?: { readonly graceMs?: number | undefined }) => whole.shutdown(how),
  }
  const runtime = new MeshRuntime(world, compile([], policyPieces, { version: BUILT_IN }).snapshot)
  return { config, log, gate, endpoints, policies, addresses, member, lifecycle, runtime, own }
}

/** How long callers take to learn from the registry that an instance is leaving, in milliseconds (ARCHITECTURE 12). */
const REGISTERED_DELAY_MS = 5000

/** How long what is leaving goes on accepting, in milliseconds. */
export function leavingDelayMs({ drainDelayMs }: Config, { registrar }: Member): number {
  if (drainDelayMs !== 'auto') return drainDelayMs
  return (registrar?.status().endpoints.length ?? 0) > 0 ? REGISTERED_DELAY_MS : 0
}

/** How endpoints get their layers: the transport of the protocol with the endpoint's stack above it. */
function tableDeps(
  ports: Pick<TableDeps, 'clock' | 'random' | 'events'>,
  transports: TransportSet,
  runtime: () => MeshRuntime,
): TableDeps {
  return {
    ...ports,
    reopenOn: [connectPiece.key, mtlsPiece.key],
    open: (endpoint, protocol) => layered(endpoint, transports.of(protocol).open(endpoint), runtime()),
  }
}

function layered(endpoint: EndpointState, leaf: Leaf, runtime: MeshRuntime): Leaf {
  const deps = { ...runtime.deps(endpoint.service), endpoint }
  const { hop } = buildEndpoint(leaf.hop, endpoint.service.plan.params, deps)
  return { hop, close: () => leaf.close(), destroy: () => leaf.destroy() }
}

/** A policy that was given locally is the whole policy; the plane's is asked for where there is none. */
function feedOf({ policy, policyHosts }: Config, clock: Clock, member: Member): PolicyFeed | undefined {
  const parse = createParser({ pieces: policyPieces, allowedHosts: policyHosts, nearest })
  if (policy === undefined || policy === '') return member.feed(parse)
  const fromConsul = member.consul?.policyFeed(parse)
  if (fromConsul !== undefined) return fromConsul
  return typeof policy === 'string'
    ? new PolicyFileSource({ path: policy, parse, clock })
    : new InlinePolicy(policy, parse)
}
