import type { RouteMatch } from '../../core/plan.ts'
import type { BaseRoute } from '../base.ts'
import { globMistake } from '../glob.ts'
import type { AnyPiece } from '../schema.ts'
import type { HttpMatch, ServiceRouter } from './entry.ts'
import { LevelDraft, written } from './level.ts'
import { saysSomething, type Told } from './not-honoured.ts'
import type { Rewrite } from './resolve.ts'
import { retryOf } from './retries.ts'

type Route = ServiceRouter['Routes'][number]

const READ_OF_MATCH = new Set(['PathExact', 'PathPrefix', 'Methods'])
const READ_OF_DESTINATION = new Set([
  'Service',
  'ServiceSubset',
  'Namespace',
  'Partition',
  'RequestTimeout',
  'NumRetries',
  'RetryOnConnectFailure',
  'RetryOnStatusCodes',
  'RetryOn',
])
const STRETCHED = /[*{}]/

/**
 * The routes of a service-router as ours. One whose match cannot be expressed is left out: it would apply to calls it
 * was not written for. One that sends calls to another service stays, with its timeout and its retries, and its calls
 * go to the service itself: what Consul's router does for others when an entry is written must not make calls fail that
 * have always worked, and who may call is decided by the service that is called, not by the router. It is told, loudly.
 */
export function routesOf(
  router: ServiceRouter,
  pieces: readonly AnyPiece[],
  told: Told,
): readonly BaseRoute[] {
  const routes: BaseRoute[] = []
  for (const [index, route] of router.Routes.entries()) {
    const at = `Routes[${index}]`
    const match = matchOf(route, told, at)
    if (match === undefined) continue
    const elsewhere = index === 0 && matchesAll(route) ? undefined : destinationOf(router, route)
    if (elsewhere !== undefined)
      told.tell(
        `${at}.Destination.${elsewhere.Service === undefined ? 'ServiceSubset' : 'Service'}`,
        `one route cannot go elsewhere yet: its calls go to ${router.Name}, not to ${[elsewhere.Service, elsewhere.ServiceSubset].filter(Boolean).join(' subset ')}`,
      )
    routes.push({ match, own: levelOf(route, pieces, told, at), from: told.from(at) })
  }
  return routes
}

/** Where the first route sends everything, so that the router is a redirect; undefined: it does not. */
export function everythingGoesTo(router: ServiceRouter): Rewrite | undefined {
  const [first] = router.Routes
  return first !== undefined && matchesAll(first) ? destinationOf(router, first) : undefined
}

/** Undefined: the service itself. Consul writes the namespace of the entry where nobody did. */
function destinationOf(router: ServiceRouter, { Destination }: Route): Rewrite | undefined {
  if (Destination === undefined) return undefined
  const { Service, ServiceSubset, Namespace, Partition } = Destination
  const home = router.Namespace ?? 'default'
  const elsewhere: Rewrite = {
    Service: Service === router.Name ? undefined : Service,
    ServiceSubset,
    Namespace: Namespace === home ? undefined : Namespace,
    Partition: Partition === (router.Partition ?? 'default') ? undefined : Partition,
  }
  return saysSomething(elsewhere) ? elsewhere : undefined
}

function matchesAll({ Match }: Route): boolean {
  const { PathPrefix, ...others } = Match?.HTTP ?? {}
  return (PathPrefix === undefined || PathPrefix === '/') && !saysSomething(others)
}

function matchOf({ Match }: Route, told: Told, at: string): RouteMatch | undefined {
  const http = Match?.HTTP
  if (http === undefined) return { path: '/**' }
  const odd = Object.entries(http).filter(([key, said]) => !READ_OF_MATCH.has(key) && saysSomething(said))
  for (const [key] of odd)
    told.tell(`${at}.Match.HTTP.${key}`, 'routes match by path and method alone: this route is left out')
  const path = pathOf(http)
  const mistake = STRETCHED.test(http.PathExact ?? http.PathPrefix ?? '') ? 'has * or { }' : globMistake(path)
  if (mistake !== undefined)
    told.tell(
      `${at}.Match.HTTP.${http.PathExact === undefined ? 'PathPrefix' : 'PathExact'}`,
      `${mistake}: this route is left out`,
    )
  if (odd.length > 0 || mistake !== undefined) return undefined
  return { path, ...(http.Methods.length === 0 ? {} : { method: http.Methods }) }
}

/** A prefix of Consul's is one of text: `/admin` matches `/administrator` too, as `/admin*` and all below do. */
function pathOf({ PathExact, PathPrefix }: HttpMatch): string {
  if (PathExact !== undefined) return PathExact
  if (PathPrefix === undefined || PathPrefix === '/') return '/**'
  return PathPrefix.endsWith('/') ? `${PathPrefix}**` : `${PathPrefix}*/**`
}

function levelOf(
  { Destination }: Route,
  pieces: readonly AnyPiece[],
  told: Told,
  at: string,
): BaseRoute['own'] {
  if (Destination === undefined) return { level: {}, from: {} }
  const draft = new LevelDraft(pieces, 'route')
  const path = `${at}.Destination`
  draft.say('timeout', written(Destination.RequestTimeout), told, `${path}.RequestTimeout`)
  draft.say('retry', retryOf(Destination, told, path), told, path)
  told.rest(Destination, READ_OF_DESTINATION, `${path}.`, 'not honoured: the call goes on without it')
  return draft.done() ?? { level: {}, from: {} }
}
