import type { Entries } from './entry.ts'
import type { Told } from './not-honoured.ts'
import { type From, type Resolved, resolve, rewritten, type Target, targetOf } from './resolve.ts'
import { everythingGoesTo } from './router.ts'

export type Tell = (kind: string, name: string) => Told

const HTTP_LIKE: ReadonlySet<string> = new Set(['http', 'http2', 'grpc'])
const READ_OF_SPLIT = new Set(['Weight', 'Service', 'ServiceSubset', 'Namespace', 'Partition'])

/** As Consul: the service's own word, that of all proxies, `tcp`. */
export function protocolOf(service: string, entries: Entries): string {
  const general = entries['proxy-defaults']?.get('global')?.Config?.protocol
  return (entries['service-defaults']?.get(service)?.Protocol ?? general ?? 'tcp').toLowerCase()
}

/** Whether Consul itself would look at requests to it: routers and splitters of others do nothing. */
export function isHttp(service: string, entries: Entries): boolean {
  return HTTP_LIKE.has(protocolOf(service, entries))
}

/** Why what a router or a splitter says of a service does nothing. */
export function notHttp(service: string, entries: Entries): string {
  const protocol = protocolOf(service, entries)
  return `the protocol of ${service} is ${protocol}: Consul looks at no requests of it either`
}

/** Where calls to a service go: router, then splitter, then resolver, as far as they send every call the same way. */
export function chainOf(service: string, entries: Entries, tell: Tell): Resolved {
  const router = isHttp(service, entries) ? entries['service-router']?.get(service) : undefined
  const goes = router === undefined ? undefined : everythingGoesTo(router)
  let target = targetOf(service)
  let from: From | undefined
  if (goes !== undefined) {
    target = rewritten(target, goes)
    from = { told: tell('service-router', service), path: 'Routes[0].Destination' }
  }
  const split = splitOf(target, entries, tell)
  if (split !== undefined) {
    target = split.target
    from = split.from
  }
  const resolvers = entries['service-resolver'] ?? new Map()
  return resolve(target, from, resolvers, (name) => tell('service-resolver', name))
}

interface Split {
  readonly target: Target
  readonly from: From
}

/** Undefined: the splitters leave the target as it is. A part of the calls cannot be sent elsewhere yet. */
function splitOf(first: Target, entries: Entries, tell: Tell): Split | undefined {
  const seen = new Set<string>()
  let target = first
  let from: From | undefined
  while (target.subset === undefined && !seen.has(target.service)) {
    seen.add(target.service)
    const splitter = entries['service-splitter']?.get(target.service)
    if (splitter === undefined) break
    const told = tell('service-splitter', target.service)
    if (!isHttp(target.service, entries)) {
      told.tell('Splits', notHttp(target.service, entries))
      break
    }
    const used = splitter.Splits.filter(({ Weight }) => Weight > 0)
    const [only] = used
    if (only === undefined || used.length > 1) {
      told.tell(
        'Splits',
        `calls are not divided yet: all of them go to ${target.service} as its resolver says`,
      )
      break
    }
    const at = `Splits[${splitter.Splits.indexOf(only)}].`
    told.rest(only, READ_OF_SPLIT, at, 'not honoured: the call goes on without it')
    const home = splitter.Namespace ?? 'default'
    const next = rewritten(target, {
      ...only,
      Namespace: only.Namespace === home ? undefined : only.Namespace,
    })
    from = { told, path: 'Splits' }
    target = next
  }
  return from === undefined || target === first ? undefined : { target, from }
}
