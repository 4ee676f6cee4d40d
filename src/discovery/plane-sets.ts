import { type EndpointSet, type EndpointSpec, endpointId } from '../core/endpoint.ts'
import { MeshError } from '../core/errors.ts'
import { type EndpointWire, endpointsFrame, endpointWire } from '../core/plane-wire.ts'
import type { KeptFormat } from './kept-endpoints.ts'

type Refused =
  | { readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[] }
  | undefined

/** A plane's answer, judged. */
export interface PlaneSets {
  readonly services: ReadonlyMap<string, EndpointSet>
  readonly known: readonly string[]
}

/**
 * Throws TULLE_PLANE for an answer with any mistake: wrong types, a port or a weight that is none, one address twice,
 * a service missing that was asked for.
 * @param before what was judged last: an endpoint that says what it said then is not judged again, since the schema costs
 * 2 µs for each and nearly all of 10,000 stay as they are
 */
export function readSets(
  body: unknown,
  asked: readonly string[],
  before: ReadonlyMap<string, EndpointSet> = NONE,
): PlaneSets {
  const { data, error } = endpointsFrame.safeParse(body)
  if (data === undefined) throw mistaken(error, [])
  const services = new Map<string, EndpointSet>()
  for (const [service, endpoints] of Object.entries(data.services))
    services.set(service, setOf(service, endpoints, before.get(service)))
  const missing = asked.find((service) => !services.has(service))
  if (missing !== undefined) throw wrong(`nothing about ${missing}, which was asked for`)
  return { services, known: [...new Set(data.known)].sort() }
}

/** How they are kept on disk: as the plane sent them. */
export const PLANE_KEPT: KeptFormat<PlaneSets> = {
  file: 'endpoints.json',
  read: (content) => readSets(content, []),
}

const NONE: ReadonlyMap<string, EndpointSet> = new Map()
const EMPTY: EndpointSet = { endpoints: [] }

function setOf(service: string, endpoints: readonly unknown[], before: EndpointSet = EMPTY): EndpointSet {
  const { endpoints: last } = before
  if (last.length === endpoints.length && last.every((spec, index) => says(endpoints[index], spec)))
    return before
  const judged = new Map(last.map((spec) => [endpointId(spec.address, spec.port), spec]))
  const kept = new Set<EndpointSpec>()
  const fresh = new Map<string, EndpointSpec>()
  const twice = ({ address, port }: EndpointSpec): MeshError =>
    wrong(`${endpointId(address, port)} is there twice for ${service}`)
  const specs = endpoints.map((given, index): EndpointSpec => {
    const same = says(given, last[index]) ? last[index] : knownIn(judged, given)
    if (same !== undefined) {
      if (kept.has(same)) throw twice(same)
      kept.add(same)
      return same
    }
    const spec = judge(given, ['services', service, index])
    const id = endpointId(spec.address, spec.port)
    if (fresh.has(id)) throw twice(spec)
    fresh.set(id, spec)
    return spec
  })
  for (const [id, spec] of fresh) if (kept.has(judged.get(id) ?? spec)) throw twice(spec)
  return { endpoints: specs }
}

function knownIn(judged: ReadonlyMap<string, EndpointSpec>, given: unknown): EndpointSpec | undefined {
  const { address, port } = (given ?? {}) as Partial<EndpointWire>
  if (judged.size === 0 || typeof address !== 'string' || typeof port !== 'number') return undefined
  const spec = judged.get(endpointId(address, port))
  return says(given, spec) ? spec : undefined
}

/** Whether what an answer says is what was judged to be this endpoint; then it is right as that was. */
function says(given: unknown, spec: EndpointSpec | undefined): boolean {
  if (typeof given !== 'object' || given === null || spec === undefined) return false
  const wire = given as Readonly<Record<string, unknown>>
  return (
    wire.address === spec.address &&
    wire.port === spec.port &&
    wire.weight === spec.weight &&
    wire.zone === spec.zone &&
    wire.version === spec.version &&
    wire.mtls === spec.mtls &&
    wire.protocol === spec.protocol
  )
}

function judge(given: unknown, path: readonly PropertyKey[]): EndpointSpec {
  const { data, error } = endpointWire.safeParse(given)
  if (data === undefined) throw mistaken(error, path)
  const { address, port, weight, zone, version, mtls, protocol } = data
  return { address, port, weight, zone, version, mtls, protocol }
}

/** Whether they say the same in the same order. */
export function sameSet(a: EndpointSet | undefined, b: EndpointSet): boolean {
  if (a === b) return true
  if (a?.endpoints.length !== b.endpoints.length) return false
  return a.endpoints.every((one, index) => sameSpec(one, b.endpoints[index] as EndpointSpec))
}

function sameSpec(a: EndpointSpec, b: EndpointSpec): boolean {
  return (
    a.address === b.address &&
    a.port === b.port &&
    a.weight === b.weight &&
    a.zone === b.zone &&
    a.version === b.version &&
    a.mtls === b.mtls &&
    a.protocol === b.protocol
  )
}

function mistaken(error: Refused, path: readonly PropertyKey[]): MeshError {
  const [issue] = error?.issues ?? []
  return wrong(`${[...path, ...(issue?.path ?? [])].map(String).join('.')}: ${issue?.message}`)
}

function wrong(what: string): MeshError {
  return new MeshError(
    'TULLE_PLANE',
    `the plane's endpoints are not taken, the last good ones stay: ${what}`,
    {
      layer: 'discovery',
    },
  )
}
