import type { Entries, ServiceResolver } from './entry.ts'
import type { Told } from './not-honoured.ts'

/** Where calls end up: Consul's discovery chain without the parts that depend on a call. */
export interface Target {
  readonly service: string
  readonly subset: string | undefined
  readonly datacenter: string | undefined
  readonly namespace: string | undefined
  readonly partition: string | undefined
}

export interface Resolved {
  readonly target: Target
  /** The one in force at the end of all redirects; undefined: Consul's defaults apply. */
  readonly resolver: ServiceResolver | undefined
  /** Which field sent the calls elsewhere, for people; undefined: none did. */
  readonly from: From | undefined
}

export interface From {
  readonly told: Told
  readonly path: string
}

export interface Rewrite {
  readonly Service?: string | undefined
  readonly ServiceSubset?: string | undefined
  readonly Datacenter?: string | undefined
  readonly Namespace?: string | undefined
  readonly Partition?: string | undefined
}

/** As Consul rewrites a target: another service forgets the subset that was chosen for the one before. */
export function rewritten(target: Target, to: Rewrite): Target {
  const service = to.Service ?? target.service
  return {
    service,
    subset: to.ServiceSubset ?? (service === target.service ? target.subset : undefined),
    datacenter: to.Datacenter ?? target.datacenter,
    namespace: to.Namespace ?? target.namespace,
    partition: to.Partition ?? target.partition,
  }
}

export function targetOf(service: string): Target {
  return { service, subset: undefined, datacenter: undefined, namespace: undefined, partition: undefined }
}

const keyOf = (target: Target): string => JSON.stringify(Object.values(target))

/**
 * Follows redirects from resolver to resolver, then takes the default subset. A redirect that comes back to where it
 * has been is not followed: calls go where they went without it.
 * @param first where the router and the splitter send the calls
 * @param tell the collector for a resolver's entry
 */
export function resolve(
  first: Target,
  from: From | undefined,
  resolvers: NonNullable<Entries['service-resolver']>,
  tell: (name: string) => Told,
): Resolved {
  const seen = new Set([keyOf(first)])
  let target = first
  let why = from
  for (;;) {
    const resolver = resolvers.get(target.service)
    const redirect = resolver?.Redirect
    if (redirect === undefined) break
    const told = tell(target.service)
    const foreign = redirect.Peer ?? redirect.SamenessGroup
    if (foreign !== undefined) {
      told.tell('Redirect', `peers and sameness groups are not followed: calls stay with ${target.service}`)
      break
    }
    const next = rewritten(target, redirect)
    if (keyOf(next) === keyOf(target)) break
    if (seen.has(keyOf(next))) {
      told.tell('Redirect', `circular: calls stay with ${first.service}`)
      return settled(first, from, resolvers, tell)
    }
    seen.add(keyOf(next))
    target = next
    why = { told, path: 'Redirect' }
  }
  return settled(target, why, resolvers, tell)
}

function settled(
  target: Target,
  from: From | undefined,
  resolvers: NonNullable<Entries['service-resolver']>,
  tell: (name: string) => Told,
): Resolved {
  const resolver = resolvers.get(target.service)
  if (target.subset !== undefined || resolver?.DefaultSubset === undefined) return { target, resolver, from }
  const subset = { ...target, subset: resolver.DefaultSubset }
  return { target: subset, resolver, from: from ?? { told: tell(target.service), path: 'DefaultSubset' } }
}
