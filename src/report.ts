import { inspect } from 'node:util'
import type { ConsulEntriesStatus } from './control/consul-entries.ts'
import type { ConsulIntentionsStatus } from './control/consul-intentions.ts'
import type { ConsulPolicyStatus } from './control/consul-policy-feed.ts'
import type { PlanePolicyStatus } from './control/plane-feed.ts'
import type { LifecycleState, Listener } from './core/runtime.ts'
import type { ConsulSourceStatus } from './discovery/consul.ts'
import type { PlaneSourceStatus } from './discovery/plane.ts'
import type { RegistrarStatus } from './discovery/registration.ts'
import type { ServiceView } from './endpoints/view.ts'
import type { IdentityHealth } from './identity/identity-health.ts'
import type { BuiltLayer } from './stack.ts'

/** `mesh.health()`: what state the mesh is in, and what is not as it should be. */
export interface Health {
  readonly service: string
  readonly state: LifecycleState
  /** True where the mesh serves and nothing is degraded. */
  readonly ok: boolean
  /** What is degraded, one sentence each; never fatal. */
  readonly degraded: readonly string[]
  readonly policy: PolicyHealth
  readonly services: readonly Omit<ServiceView, 'endpoints'>[]
  /** Inbound requests being handled now. */
  readonly inFlight: number
  /** What is served, and how: a listener with `mtls: 'disable'` beside an identity is a public door. */
  readonly listeners: readonly Listener[]
  /** Our certificate, whom we believe, and the days that every level of the chain has left; undefined: no identity. */
  readonly identity: IdentityHealth | undefined
  /** What the plane says and how old it is; undefined: there is no plane. */
  readonly plane: PlaneHealth | undefined
  /** What Consul says and how old it is; undefined: nothing is taken from it. */
  readonly consul: ConsulHealth | undefined
  /** What is meant so and worth knowing, one sentence each. */
  readonly notes: readonly string[]
}

/** What the plane says: `Health.plane`. */
export interface PlaneHealth {
  readonly urls: readonly string[]
  /** Undefined: the policy is a local one. */
  readonly policy: PlanePolicyStatus | undefined
  /** Undefined: addresses are static. */
  readonly endpoints: PlaneSourceStatus | undefined
  /** Undefined: this process is registered elsewhere. */
  readonly registration: RegistrarStatus | undefined
}

/** What Consul says: `Health.consul`. */
export interface ConsulHealth {
  /** Where the agent is. */
  readonly address: string
  /** Undefined: the policy is not from its KV store. */
  readonly policy: ConsulPolicyStatus | undefined
  /** Undefined: addresses are from somewhere else. */
  readonly endpoints?: ConsulSourceStatus | undefined
  /** Undefined: this process is not registered there. */
  readonly registration?: RegistrarStatus | undefined
  /** Who may call; undefined: nobody is judged here. */
  readonly intentions?: ConsulIntentionsStatus | undefined
  /** Config entries; undefined: none are read. */
  readonly entries?: ConsulEntriesStatus | undefined
}

export interface PolicyHealth {
  /** Of the policy in force: a hash of its documents, or `built-in`. */
  readonly version: string
  /** What was refused and why; the last good form stays in force. Empty when all is well. */
  readonly refused: readonly string[]
}

/** `mesh.describe(service)`: the layers of every route as built, and what is known of every endpoint. */
export class Description {
  readonly service: string
  readonly policyVersion: string
  readonly hosts: readonly string[]
  readonly routes: readonly RouteDescription[]
  readonly endpointLayers: readonly BuiltLayer[]
  readonly endpoints: ServiceView['endpoints']

  constructor(
    parts: Pick<
      Description,
      'service' | 'policyVersion' | 'hosts' | 'routes' | 'endpointLayers' | 'endpoints'
    >,
  ) {
    this.service = parts.service
    this.policyVersion = parts.policyVersion
    this.hosts = parts.hosts
    this.routes = parts.routes
    this.endpointLayers = parts.endpointLayers
    this.endpoints = parts.endpoints
  }

  /** For people: one layer a line, nearest to the application first. */
  toString(): string {
    const layers = (list: readonly BuiltLayer[]): string[] =>
      list.map(({ role, params, why }) => `  ${role.padEnd(12)} ${shown(params)}${why}`)
    const routes = this.routes.flatMap(({ name, match, layers: built }) => [
      `${name}${match === '' ? '' : `  ${match}`}`,
      ...layers(built),
    ])
    const endpoints = this.endpoints.map(
      ({ id, protocol, inFlight, expectedMs, ejected }) =>
        `  ${id.padEnd(24)} ${protocol === 'grpc' ? 'gRPC, ' : ''}${inFlight} in flight, expected ${expectedMs} ms${ejected ? ', ejected' : ''}`,
    )
    return [
      `${this.service}  policy ${this.policyVersion}${this.hosts.length === 0 ? '' : `  hosts ${this.hosts.join(', ')}`}`,
      ...routes,
      'every endpoint',
      ...layers(this.endpointLayers),
      `endpoints: ${this.endpoints.length}`,
      ...endpoints,
    ].join('\n')
  }

  [inspect.custom](): string {
    return this.toString()
  }
}

export interface RouteDescription {
  readonly name: string
  /** What it matches; empty for the catch-all. */
  readonly match: string
  readonly layers: readonly BuiltLayer[]
}

function shown(params: unknown): string {
  if (params === undefined) return ''
  const text =
    typeof params === 'object'
      ? inspect(params, { breakLength: Number.POSITIVE_INFINITY, depth: 3 })
      : String(params)
  return `${text}  `
}
