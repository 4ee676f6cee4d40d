import { isAddress } from '../core/address.ts'
import { type EndpointSpec, endpointId } from '../core/endpoint.ts'
import { entrySchema, type Health, type HealthEntry, isEntry } from './consul-entry.ts'
import type { Lookup } from './consul-lookup.ts'
import { metaOf, sameMeta, sameTags, textFrom, weightFrom } from './consul-meta.ts'

/** Who an instance of another name, namespace or datacenter than our own service's must prove to be. */
export interface IdentityParts {
  readonly namespace: string
  readonly datacenter: string
  readonly service: string
}

export interface JudgeContext {
  /** The name of the tulle service. */
  readonly name: string
  readonly lookup: Lookup
  /** Monotonic, in milliseconds. */
  readonly now: () => number
  readonly idOf?: ((parts: IdentityParts) => string | undefined) | undefined
}

/** An entry that was judged, with everything the judgement rests on. */
export class Judged {
  readonly id: string
  /** Undefined: it is right, and is not to be called. */
  readonly spec: EndpointSpec | undefined
  /** What `spec` would be if its checks were well: for when no instance's are. Nobody puts to use what is under maintenance. */
  readonly spare: EndpointSpec | undefined
  readonly health: Health
  // What it rests on, without the objects around it: of 10,000 entries the collector moves what is kept of each.
  readonly node: string
  readonly nodeAddress: string | null | undefined
  readonly datacenter: string | null | undefined
  readonly registration: string
  readonly kind: string | null | undefined
  readonly address: string | null | undefined
  readonly port: number
  readonly namespace: string | null | undefined
  readonly index: number | undefined
  readonly passing: number | undefined
  readonly warning: number | undefined
  readonly native: boolean | null | undefined
  readonly destination: string | null | undefined
  readonly meta: Readonly<Record<string, string>> | null | undefined
  readonly tags: readonly string[] | null | undefined

  constructor(
    address: string,
    health: Health,
    { Node: node, Service: service }: HealthEntry,
    context: JudgeContext,
  ) {
    this.id = endpointId(address, service.Port)
    this.spec = specOf(address, node, service, health, context)
    this.spare = health === 'critical' ? specOf(address, node, service, 'warning', context) : undefined
    this.health = health
    this.node = node.Node
    this.nodeAddress = node.Address
    this.datacenter = node.Datacenter
    this.registration = service.ID
    this.kind = service.Kind
    this.address = service.Address
    this.port = service.Port
    this.namespace = service.Namespace
    this.index = service.ModifyIndex ?? undefined
    this.passing = service.Weights?.Passing
    this.warning = service.Weights?.Warning
    this.native = service.Connect?.Native
    this.destination = service.Proxy?.DestinationServiceName
    this.meta = service.Meta
    this.tags = service.Tags
  }
}

/** Throws what `mistake` makes of the place in the entry and what is wrong there. */
export function judge(
  given: unknown,
  context: JudgeContext,
  mistake: (path: readonly PropertyKey[], what: string) => Error,
): Judged {
  const entry = isEntry(given) ? given : parse(given, mistake)
  const { Node: node, Service: service, Checks: checks } = entry
  const address = service.Address || node.Address || ''
  if (!isAddress(address, service.Port))
    throw mistake(['Service', 'Address'], `${JSON.stringify(address.slice(0, 100))} is not an address`)
  return new Judged(address, worst(checks) as Health, entry, context)
}

function parse(given: unknown, mistake: (path: readonly PropertyKey[], what: string) => Error): HealthEntry {
  const { data, error } = entrySchema.safeParse(given)
  if (data !== undefined) return data
  const [issue] = error.issues
  throw mistake(issue?.path ?? [], issue?.message ?? 'no entry')
}

/** Whether an entry says what was judged before; then it is right as that was. Costs a tenth of judging. */
export function says(given: unknown, before: Judged | undefined): before is Judged {
  if (before === undefined || typeof given !== 'object' || given === null) return false
  const { Node: node, Service: service, Checks: checks } = given as HealthEntry
  if (typeof node !== 'object' || node === null || typeof service !== 'object' || service === null)
    return false
  return (
    service.ID === before.registration &&
    service.Port === before.port &&
    service.Address === before.address &&
    service.Kind === before.kind &&
    service.Namespace === before.namespace &&
    (service.ModifyIndex ?? undefined) === before.index &&
    node.Node === before.node &&
    node.Address === before.nodeAddress &&
    node.Datacenter === before.datacenter &&
    isPart(service.Weights) &&
    isPart(service.Connect) &&
    isPart(service.Proxy) &&
    service.Weights?.Passing === before.passing &&
    service.Weights?.Warning === before.warning &&
    service.Connect?.Native === before.native &&
    service.Proxy?.DestinationServiceName === before.destination &&
    worst(checks) === before.health &&
    sameMeta(service.Meta, before.meta) &&
    sameTags(service.Tags, before.tags)
  )
}

function isPart(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'object' && !Array.isArray(value))
}

/** Undefined: they are none that could be read. */
function worst(checks: unknown): Health | undefined {
  if (checks === undefined || checks === null) return 'passing'
  if (!Array.isArray(checks)) return undefined
  let health: Health = 'passing'
  for (const check of checks) {
    const { Status: status, CheckID: id } = (check ?? {}) as { Status?: unknown; CheckID?: unknown }
    if (status === 'maintenance' || (status === 'critical' && isMaintenance(id))) return 'maintenance'
    if (status === 'critical') health = 'critical'
    else if (status === 'warning') health = health === 'critical' ? health : 'warning'
    else if (status !== 'passing') return undefined
  }
  return health
}

/** The names of the checks by which Consul marks what an operator took out. */
function isMaintenance(id: unknown): boolean {
  return typeof id === 'string' && /^_(?:node|service)_maintenance(?:$|:)/.test(id)
}

function specOf(
  address: string,
  node: HealthEntry['Node'],
  service: HealthEntry['Service'],
  health: Health,
  context: JudgeContext,
): EndpointSpec | undefined {
  const { lookup } = context
  const secure = service.Connect?.Native === true || service.Kind === 'connect-proxy'
  if (health === 'critical' || health === 'maintenance' || (health === 'warning' && lookup.onlyPassing))
    return undefined
  // Gateways want another SNI than ours, and what a newer Consul may list besides is not known to speak to us.
  if (lookup.connect && !(secure && standsFor(service, lookup.service))) return undefined
  const weight = weightFrom(service.Weights, service.Meta, health)
  if (weight === 0) return undefined
  const protocol = service.Meta?.protocol
  return {
    address,
    port: service.Port,
    weight,
    zone: textFrom(service.Meta, 'zone'),
    version: textFrom(service.Meta, 'version'),
    meta: metaOf(service.Meta, service.Tags),
    identity: identityOf(node, service, context),
    protocol: protocol === 'http' || protocol === 'grpc' ? protocol : undefined,
    // Registered, as the flag of the registry: what an instance writes into its meta protects nothing.
    mtls: secure ? 'strict' : 'disable',
  }
}

function standsFor(service: HealthEntry['Service'], name: string): boolean {
  return service.Kind === 'connect-proxy' ? service.Proxy?.DestinationServiceName === name : !service.Kind
}

/** Undefined for our own datacenter and a name that is the service's own: that is who it must be anyway. */
function identityOf(
  { Datacenter }: HealthEntry['Node'],
  { Namespace }: HealthEntry['Service'],
  { name, lookup, idOf }: JudgeContext,
): string | undefined {
  const { service, datacenter, namespace } = lookup
  if (service === name && datacenter === undefined && namespace === undefined) return undefined
  return idOf?.({
    namespace: namespace ?? Namespace ?? 'default',
    datacenter: datacenter ?? Datacenter ?? '',
    service,
  })
}
