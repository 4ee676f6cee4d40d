import type { RouteMatch } from '../core/plan.ts'
import { type BaseService, NO_BASE, type Sourced } from './base.ts'
import type { Level, PolicyDocument, RouteEntry, ServiceEntry } from './document.ts'

/** One level, of whatever origin. */
export interface PlanLevel {
  readonly level: Level
  /** Where a document says it; undefined: the level comes from below the documents. */
  readonly place?: { readonly document: PolicyDocument; readonly path: readonly PropertyKey[] } | undefined
  readonly from?: Sourced['from'] | undefined
}

export interface RouteLevels {
  readonly match: RouteMatch
  readonly idempotent: boolean
  /** From the widest to the narrowest. */
  readonly levels: readonly PlanLevel[]
}

/** Everything that is said of one service, in the order in which it counts. */
export interface ServiceLevels {
  /** Of the service itself, and so of what no route matches. */
  readonly levels: readonly PlanLevel[]
  readonly routes: readonly RouteLevels[]
}

export interface LevelSources {
  readonly service: string
  readonly base?: BaseService | undefined
  /** The document with the defaults. */
  readonly general: PolicyDocument | undefined
  /** The document with the service. */
  readonly document: PolicyDocument | undefined
}

/**
 * What is below the documents < `defaults` < `services.<name>` < `routes[n]`. A document's list of routes replaces the
 * one below it as a whole; without one, what a document says of the service counts more than the routes below it.
 */
export function levelsOf({ service, base = NO_BASE, general, document }: LevelSources): ServiceLevels {
  const below: readonly PlanLevel[] = base.levels
  const own: PlanLevel[] = []
  if (general?.defaults !== undefined)
    own.push({ level: general.defaults, place: { document: general, path: ['defaults'] } })
  const entry: ServiceEntry | undefined = document?.services.get(service)
  const path = ['services', service]
  if (entry !== undefined && document !== undefined) own.push({ level: entry, place: { document, path } })
  const levels = [...below, ...own]
  if (entry?.routes === undefined || document === undefined)
    return {
      levels,
      routes: base.routes.map((route) => ({
        match: route.match,
        idempotent: false,
        levels: [...below, route.own, ...own],
      })),
    }
  const routes = entry.routes.map((route: RouteEntry, index) => ({
    match: route.match,
    idempotent: route.idempotent === true,
    levels: [...levels, { level: route, place: { document, path: [...path, 'routes', index] } }],
  }))
  return { levels, routes }
}
