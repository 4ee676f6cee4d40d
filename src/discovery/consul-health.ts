import { z } from 'zod'
import { isAddress } from '../core/address.ts'
import { type EndpointSpec, endpointId } from '../core/endpoint.ts'
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

const weight = z.int().min(0).max(65_535)
const optional = <T extends z.ZodType>(schema: T) => schema.nullish()

/**
 * One entry of `/v1/health`, as far as it is read. Loose: newer agents say more.
 * https://developer.hashicorp.com/consul/api-docs/health#list-service-instances-for-service
 */
const entrySchema = z.looseObject({
  Node: z.looseObject({
    Node: z.string(),
    Address: optional(z.string()),
    Datacenter: optional(z.string()),
  }),
  Service: z.looseObject({
    ID: z.string(),
    Kind: optional(z.string()),
    Address: optional(z.string()),
    Port: z.int().min(1).max(65_535),
    Tags: optional(z.array(z.string())),
    Meta: optional(z.record(z.string(), z.string())),
    Weights: optional(z.looseObject({ Passing: weight, Warning: weight })),
    Proxy: optional(z.looseObject({ DestinationServiceName: optional(z.string()) })),
    Connect: optional(z.looseObject({ Native: optional(z.boolean()) })),
    Namespace: optional(z.string()),
    ModifyIndex: optional(z.number()),
  }),
  Checks: optional(
    z.array(
      z.looseObject({
        CheckID: optional(z.string()),
        Status: z.enum(['passing', 'warning', 'critical', 'maintenance']),
      }),
    ),
  ),
})
export type HealthEntry = z.infer<typeof entrySchema>
type Health = 'passing' | 'warning' | 'critical' | 'maintenance'

/** An entry that was judged, with everything the judgement rests on. */
export class Judged {
  readonly id: string
  /** Undefined: it is right, and is not to be called. */
  readonly spec: EndpointSpec | undefined
  /** What `spec` would be if its checks were well: for when no instance's are. Nobody puts to use what is under maintenance. */
  readonly spare: EndpointSpec | undefined
  readonly health: Health
  readonly node: HealthEntry['Node']
  readonly service: HealthEntry['Service']

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
    this.node = nodePart(node)
    this.service = servicePart(service)
  }
}

/** Throws what `mistake` makes of the place in the entry and what is wrong there. */
export function judge(
  given: unknown,
  context: JudgeContext,
  mistake: (path: readonly PropertyKey[], what: string) => Error,
): Judged {
  const { data, error } = entrySchema.safeParse(given)
  if (data === undefined) {
    const [issue] = error.issues
    throw mistake(issue?.path ?? [], issue?.message ?? 'no entry')
  }
  const { Node: node, Service: service, Checks: checks } = data
  const address = service.Address || node.Address || ''
  if (!isAddress(address, service.Port))
    throw mistake(['Service', 'Address'], `${JSON.stringify(address.slice(0, 100))} is not an address`)
  return new Judged(address, worst(checks) as Health, data, context)
}

/** An entry without what is never read: of an answer of megabytes a tenth is kept while it is judged. */
export function readPart(given: unknown): unknown {
  const { Node: node, Service: service, Checks: checks } = (given ?? {}) as Partial<HealthEntry>
  if (!isObject(node) || !isObject(service) || !Array.isArray(checks)) return given
  const statuses = checks.map((check: unknown) =>
    isObject(check) ? { Status: check.Status, CheckID: check.CheckID } : check,
  )
  return { Node: nodePart(node as HealthEntry['Node']), Service: servicePart(service), Checks: statuses }
}

const isObject = (value: unknown): value is Record<string, unknown> & HealthEntry['Service'] =>
  typeof value === 'object' && value !== null

/** Whether an entry says what was judged before; then it is right as that was. Costs a tenth of judging. */
export function says(given: unknown, before: Judged | undefined): before is Judged {
  if (before === undefined || typeof given !== 'object' || given === null) return false
  const { Node: node, Service: service, Checks: checks } = given as HealthEntry
  if (typeof node !== 'object' || node === null || typeof service !== 'object' || service === null)
    return false
  const was = before.service
  return (
    service.ID === was.ID &&
    service.Port === was.Port &&
    service.Address === was.Address &&
    service.Kind === was.Kind &&
    service.Namespace === was.Namespace &&
    service.ModifyIndex === was.ModifyIndex &&
    node.Node === before.node.Node &&
    node.Address === before.node.Address &&
    node.Datacenter === before.node.Datacenter &&
    isPart(service.Weights) &&
    isPart(service.Connect) &&
    isPart(service.Proxy) &&
    service.Weights?.Passing === was.Weights?.Passing &&
    service.Weights?.Warning === was.Weights?.Warning &&
    service.Connect?.Native === was.Connect?.Native &&
    service.Proxy?.DestinationServiceName === was.Proxy?.DestinationServiceName &&
    worst(checks) === before.health &&
    sameMeta(service.Meta, was.Meta) &&
    sameTags(service.Tags, was.Tags)
  )
}

function isPart(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'object' && !Array.isArray(value))
}

function nodePart({ Node, Address, Datacenter }: HealthEntry['Node']): HealthEntry['Node'] {
  return { Node, Address, Datacenter }
}

function servicePart(service: HealthEntry['Service']): HealthEntry['Service'] {
  const { ID, Kind, Address, Port, Tags, Meta, Namespace, ModifyIndex } = service
  return {
    ID,
    Kind,
    Address,
    Port,
    Tags,
    Meta,
    Weights: partOf(service.Weights, ({ Passing, Warning }) => ({ Passing, Warning })),
    Proxy: partOf(service.Proxy, ({ DestinationServiceName }) => ({ DestinationServiceName })),
    Connect: partOf(service.Connect, ({ Native }) => ({ Native })),
    Namespace,
    ModifyIndex,
  }
}

/** What is no object stays as it is, to be found wrong. */
function partOf<T>(value: T, part: (value: NonNullable<T>) => T): T {
  return isObject(value) && !Array.isArray(value) ? part(value as NonNullable<T>) : value
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
