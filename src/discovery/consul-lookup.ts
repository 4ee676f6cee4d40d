import type { ConsulRequest } from '../core/consul.ts'
import type { LookupParams } from '../policy/lookup.ts'
import { SERVICE_NAME } from '../policy/schema.ts'

/** Where and how the instances of one service are asked for. */
export interface Lookup {
  /** The name in Consul. */
  readonly service: string
  /** Undefined: the agent's own. */
  readonly datacenter?: string | undefined
  readonly namespace?: string | undefined
  readonly partition?: string | undefined
  readonly filter?: string | undefined
  readonly onlyPassing: boolean
  /** Only what speaks Connect's mutual TLS: native instances and sidecars. */
  readonly connect: boolean
}

/** What Consul accepts as the name of a datacenter; it writes them in lower case. */
const DATACENTER = /^[a-z0-9_-]{1,63}$/

export interface RemoteName {
  readonly service: string
  readonly datacenter: string
}

/** `orders.dc2` → the service `orders` of the datacenter `dc2`; undefined: it is no such name. */
export function remoteName(name: string): RemoteName | undefined {
  const dot = name.indexOf('.')
  const [service, datacenter] = [name.slice(0, dot), name.slice(dot + 1)]
  return dot > 0 && SERVICE_NAME.test(service) && DATACENTER.test(datacenter)
    ? { service, datacenter }
    : undefined
}

/**
 * The lookup of a tulle service: what policy says, and for the rest what its name does.
 * @param name `orders`, or `orders.dc2` for that of another datacenter
 */
export function lookupOf(name: string, params: Partial<LookupParams>, connect: boolean): Lookup {
  const { service = name, datacenter } = remoteName(name) ?? {}
  return {
    service: params.service ?? service,
    datacenter: params.datacenter ?? datacenter,
    namespace: params.namespace,
    partition: params.partition,
    filter: params.filter,
    onlyPassing: params.onlyPassing ?? false,
    connect,
  }
}

/** Critical instances are asked for as well: an answer without any instance at all is what needs a second look. */
export function requestOf({
  service,
  datacenter,
  namespace,
  partition,
  filter,
  connect,
}: Lookup): ConsulRequest {
  return {
    method: 'GET',
    path: `/v1/health/${connect ? 'connect' : 'service'}/${encodeURIComponent(service)}`,
    query: { dc: datacenter, ns: namespace, partition, filter },
  }
}

/** The same for lookups that mean the same. */
export function lookupKey(lookup: Lookup): string {
  const { service, datacenter, namespace, partition, filter, onlyPassing, connect } = lookup
  return JSON.stringify([service, datacenter, namespace, partition, filter, onlyPassing, connect])
}
