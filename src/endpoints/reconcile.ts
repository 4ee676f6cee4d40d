import { type EndpointSet, type EndpointSpec, endpointId } from '../core/endpoint.ts'
import { type KnownEndpoint, weightOf } from './known-endpoint.ts'

export interface Reconciled {
  readonly known: Map<string, KnownEndpoint>
  readonly added: number
  readonly removed: readonly KnownEndpoint[]
  /** Something a balancer looks at is different: members or weights. */
  readonly changed: boolean
}

/**
 * A new endpoint set against what is known: endpoints are things, so one that stays keeps its object and with it its
 * load, its ejection and its sockets. Linear in both. An address listed twice counts once, as it is listed first; an
 * address that must prove another identity than before, is protected in another way or speaks another protocol is
 * another endpoint.
 */
export function reconcile(
  before: ReadonlyMap<string, KnownEndpoint>,
  set: EndpointSet,
  make: (id: string, spec: EndpointSpec) => KnownEndpoint,
): Reconciled {
  const known = new Map<string, KnownEndpoint>()
  let added = 0
  let reweighted = false
  for (const spec of set.endpoints) {
    const id = endpointId(spec.address, spec.port)
    if (known.has(id)) continue
    const same = before.get(id)
    if (same === undefined || isAnother(same, spec)) {
      known.set(id, make(id, spec))
      added++
      continue
    }
    // Under the string it already has: the next comparison is one of pointers.
    known.set(same.id, same)
    reweighted ||= same.weight !== weightOf(spec)
    same.update(spec)
  }
  const removed: KnownEndpoint[] = []
  if (known.size - added < before.size)
    for (const [id, endpoint] of before) if (known.get(id) !== endpoint) removed.push(endpoint)
  return { known, added, removed, changed: reweighted || added > 0 || removed.length > 0 }
}

function isAnother(known: KnownEndpoint, { identity, mtls, protocol }: EndpointSpec): boolean {
  return known.identity !== identity || known.mtls !== mtls || known.protocol !== protocol
}
