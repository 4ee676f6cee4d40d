import { type EndpointSet, type EndpointSpec, endpointId } from '../core/endpoint.ts'
import { MeshError } from '../core/errors.ts'
import { type EndpointWire, endpointsWire } from '../core/plane-wire.ts'

/** A plane's answer, judged. */
export interface PlaneSets {
  readonly services: ReadonlyMap<string, EndpointSet>
  readonly known: readonly string[]
}

/**
 * Throws TULLE_PLANE for an answer with any mistake: wrong types, a port or a weight that is none, one address twice,
 * a service missing that was asked for.
 */
export function readSets(body: unknown, asked: readonly string[]): PlaneSets {
  const { data, error } = endpointsWire.safeParse(body)
  if (data === undefined) {
    const issue = error?.issues[0]
    throw wrong(`${issue?.path.map(String).join('.')}: ${issue?.message}`)
  }
  const services = new Map<string, EndpointSet>()
  for (const [service, endpoints] of Object.entries(data.services))
    services.set(service, setOf(service, endpoints))
  const missing = asked.find((service) => !services.has(service))
  if (missing !== undefined) throw wrong(`nothing about ${missing}, which was asked for`)
  return { services, known: [...new Set(data.known)].sort() }
}

function setOf(service: string, endpoints: readonly EndpointWire[]): EndpointSet {
  const ids = new Set<string>()
  const specs = endpoints.map((wire): EndpointSpec => {
    const { address, port, weight, zone, version, mtls, protocol } = wire
    const id = endpointId(address, port)
    if (ids.has(id)) throw wrong(`${id} is there twice for ${service}`)
    ids.add(id)
    const meta = protocol === undefined ? undefined : { protocol }
    return { address, port, weight, zone, version, mtls, meta }
  })
  return { endpoints: specs }
}

/** Whether they say the same in the same order. */
export function sameSet(a: EndpointSet | undefined, b: EndpointSet): boolean {
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
    a.meta?.protocol === b.meta?.protocol
  )
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
