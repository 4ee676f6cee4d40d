import type { Sourced } from '../base.ts'
import type { AnyPiece } from '../schema.ts'
import type { Tell } from './chain.ts'
import type { Entries, ServiceResolver } from './entry.ts'
import { LevelDraft, written } from './level.ts'
import { saysSomething, type Told } from './not-honoured.ts'
import type { Resolved } from './resolve.ts'

/** Consul's balancers that we have too. */
const BALANCERS: ReadonlyMap<string, string> = new Map([
  ['random', 'random'],
  ['round_robin', 'round-robin'],
  ['least_request', 'least-request'],
])
const IGNORED = [
  'Kind',
  'Name',
  'Namespace',
  'Partition',
  'Meta',
  'CreateIndex',
  'ModifyIndex',
  'Hash',
  'Status',
]
const READ_OF_RESOLVER = new Set([
  ...IGNORED,
  'DefaultSubset',
  'Subsets',
  'Redirect',
  'Failover',
  'ConnectTimeout',
  'RequestTimeout',
  'LoadBalancer',
])
const READ_OF_DEFAULTS = new Set([...IGNORED, 'Protocol', 'UpstreamConfig', 'MeshGateway'])
const READ_OF_PROXIES = new Set([...IGNORED, 'Config', 'MeshGateway'])
const READ_OF_CONFIG = new Set(['protocol', 'connect_timeout_ms'])
const PROXY = 'is about a proxy, and there is none'

interface Gatewayed {
  readonly MeshGateway?: { readonly Mode?: string | undefined } | undefined
}

/** What the resolvers say of calls to a service: where its endpoints are, how they are connected to and chosen. */
export function resolverLevel(
  service: string,
  { target, resolver, from }: Resolved,
  pieces: readonly AnyPiece[],
  tell: Tell,
): Sourced | undefined {
  const draft = new LevelDraft(pieces, 'service')
  const told = tell('service-resolver', target.service)
  if (resolver !== undefined) {
    const { ConnectTimeout, RequestTimeout } = resolver
    if (ConnectTimeout !== undefined)
      draft.say('connect', { timeout: written(ConnectTimeout) }, told, 'ConnectTimeout')
    draft.say('timeout', written(RequestTimeout), told, 'RequestTimeout')
    draft.say('balance', balancerOf(resolver, told), told, 'LoadBalancer')
  }
  const subset = target.subset === undefined ? undefined : subsetOf(resolver, target.subset)
  if (target.subset !== undefined && subset === undefined)
    told.tell(
      'Subsets',
      `there is no subset ${target.subset}: calls go to all instances of ${target.service}`,
    )
  const home = resolver?.Namespace ?? 'default'
  const lookup = {
    ...(target.service === service ? {} : { service: target.service }),
    ...(target.datacenter === undefined ? {} : { datacenter: target.datacenter }),
    ...(target.namespace === undefined || target.namespace === home ? {} : { namespace: target.namespace }),
    ...(target.partition === undefined ? {} : { partition: target.partition }),
    ...(subset?.Filter === undefined ? {} : { filter: subset.Filter }),
    ...(subset?.OnlyPassing ? { onlyPassing: true } : {}),
  }
  if (Object.keys(lookup).length > 0) draft.say('lookup', lookup, from?.told ?? told, from?.path ?? 'Subsets')
  return draft.done()
}

function subsetOf(resolver: ServiceResolver | undefined, name: string) {
  const all = resolver?.Subsets ?? {}
  return Object.hasOwn(all, name) ? all[name] : undefined
}

function balancerOf({ LoadBalancer }: ServiceResolver, told: Told): string | undefined {
  const { Policy, ...more } = LoadBalancer ?? {}
  if (Policy === undefined || Policy === 'default') return undefined
  const balancer = BALANCERS.get(Policy)
  if (balancer === undefined) told.tell('LoadBalancer.Policy', `${Policy} is not there: the balancer stays`)
  else told.rest(more, new Set(), 'LoadBalancer.', 'the balancer has no such setting')
  return balancer
}

/** What of the resolvers is not honoured whoever asks. */
function tellResolver(entry: ServiceResolver, told: Told): void {
  if (saysSomething(entry.Failover))
    told.tell('Failover', 'calls stay with their own instances and datacenter when these fail')
  told.rest(entry, READ_OF_RESOLVER, '', 'not known to this version of tulle')
}

/** The same of what holds for all proxies and of what holds for one service. */
export function tellDefaults(entries: Entries, tell: Tell): void {
  for (const [name, entry] of entries['service-resolver'] ?? [])
    tellResolver(entry, tell('service-resolver', name))
  for (const [name, entry] of entries['service-defaults'] ?? []) {
    const told = tell('service-defaults', name)
    gateways(entry, told)
    told.rest(entry, READ_OF_DEFAULTS, '', PROXY)
  }
  for (const [name, entry] of entries['proxy-defaults'] ?? []) {
    const told = tell('proxy-defaults', name)
    gateways(entry, told)
    told.rest(entry.Config ?? {}, READ_OF_CONFIG, 'Config.', PROXY)
    told.rest(entry, READ_OF_PROXIES, '', PROXY)
  }
}

function gateways({ MeshGateway }: Gatewayed, told: Told): void {
  const { Mode = 'none' } = MeshGateway ?? {}
  if (Mode !== 'none') told.tell('MeshGateway.Mode', 'endpoints in other datacenters are called directly')
}
