import type { Route, RouteMatch } from '../core/plan.ts'
import { Glob } from './glob.ts'
import { GrpcPath, grpcCovers, grpcPattern } from './grpc-match.ts'

interface Entry {
  readonly route: Route
  readonly methods: readonly string[] | undefined
  readonly path: { matches(path: string): boolean } | undefined
  /** Only what came by gRPC. */
  readonly grpc: boolean
}

/**
 * The routes of one service, compiled: the first that matches counts. `path` is taken as the caller sent it, without
 * its query; a gRPC call is a POST of `/service/method`, so `path` and `method` match it too. Nothing is allocated
 * per call.
 */
export class RouteTable {
  readonly #entries: readonly Entry[]
  readonly #otherwise: Route

  /** @param otherwise the route of everything that no other matches */
  constructor(routes: readonly Route[], otherwise: Route) {
    this.#entries = routes.map((route) => ({
      route,
      methods: route.match?.method,
      path: pathOf(route.match),
      grpc: route.match?.grpc !== undefined,
    }))
    this.#otherwise = otherwise
  }

  /** @param protocol default `http` */
  find(method: string, path: string, protocol?: 'http' | 'grpc'): Route {
    for (const entry of this.#entries) {
      if (entry.grpc && protocol !== 'grpc') continue
      if (entry.methods !== undefined && !entry.methods.includes(method)) continue
      if (entry.path === undefined || entry.path.matches(path)) return entry.route
    }
    return this.#otherwise
  }
}

function pathOf(match: RouteMatch | undefined): Entry['path'] {
  if (match?.grpc !== undefined) return new GrpcPath(match.grpc)
  return match?.path === undefined ? undefined : new Glob(match.path)
}

/** Whether everything that `narrow` matches is matched by `wide`. Never wrongly yes. */
export function covers(wide: RouteMatch, narrow: RouteMatch): boolean {
  if (wide.grpc !== undefined) return narrow.grpc !== undefined && grpcCovers(wide.grpc, narrow.grpc)
  if (narrow.grpc !== undefined) return covers(wide, { path: grpcPattern(narrow.grpc), method: ['POST'] })
  const methods =
    wide.method === undefined || (narrow.method?.every((method) => wide.method?.includes(method)) ?? false)
  if (!methods || wide.path === undefined) return methods
  return narrow.path !== undefined && new Glob(wide.path).covers(new Glob(narrow.path))
}
