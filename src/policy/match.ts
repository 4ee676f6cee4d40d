import type { Route, RouteMatch } from '../core/plan.ts'
import { Glob } from './glob.ts'

interface Entry {
  readonly route: Route
  readonly methods: readonly string[] | undefined
  readonly glob: Glob | undefined
}

/**
 * The routes of one service, compiled: the first that matches counts. `path` is taken as the caller sent it, without
 * its query. Nothing is allocated per call.
 */
export class RouteTable {
  readonly #entries: readonly Entry[]
  readonly #otherwise: Route

  /** @param otherwise the route of everything that no other matches */
  constructor(routes: readonly Route[], otherwise: Route) {
    this.#entries = routes.map((route) => ({
      route,
      methods: route.match?.method,
      glob: route.match?.path === undefined ? undefined : new Glob(route.match.path),
    }))
    this.#otherwise = otherwise
  }

  find(method: string, path: string): Route {
    for (const { route, methods, glob } of this.#entries) {
      if (methods !== undefined && !methods.includes(method)) continue
      if (glob === undefined || glob.matches(path)) return route
    }
    return this.#otherwise
  }
}

/** Whether everything that `narrow` matches is matched by `wide`. Never wrongly yes. */
export function covers(wide: RouteMatch, narrow: RouteMatch): boolean {
  const methods =
    wide.method === undefined || (narrow.method?.every((method) => wide.method?.includes(method)) ?? false)
  if (!methods || wide.path === undefined) return methods
  return narrow.path !== undefined && new Glob(wide.path).covers(new Glob(narrow.path))
}
