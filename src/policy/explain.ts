import type { RouteMatch, ServicePlan } from '../core/plan.ts'
import { type BasePolicy, NO_BASE } from './base.ts'
import { BUILT_IN, compile } from './compile.ts'
import type { PolicyDocument } from './document.ts'
import { levelsOf, type PlanLevel } from './levels.ts'
import { type Path, pathText } from './problem.ts'
import { provenance } from './provenance.ts'
import { type AnyPiece, allPieces } from './schema.ts'
import { Selection } from './selection.ts'

export interface Question {
  readonly service: string
  readonly method: string
  readonly path: string
  readonly protocol: 'http' | 'grpc'
}

export interface Explained {
  readonly service: string
  /** `orders.routes[1]`, or `orders` for what no route matches. */
  readonly route: string
  /** Undefined: everything. */
  readonly match: RouteMatch | undefined
  /** Who wrote the route; undefined: it is the service itself. */
  readonly routeFrom: string | undefined
  readonly version: string
  readonly idempotent: boolean
  /** `retry.backoff.base` and so on, in the order of the pieces; times in milliseconds, ratios as fractions. */
  readonly fields: readonly { readonly path: string; readonly value: unknown; readonly from: string }[]
  /** Routes below the documents that a document's list has replaced: how many. */
  readonly replacedRoutes: number
  readonly plan: ServicePlan
}

/** Which route a call takes, and for every value in force who said it. Pure; compiled as a running mesh would. */
export function explain(
  documents: Iterable<PolicyDocument>,
  modules: readonly AnyPiece[],
  { service, method, path, protocol }: Question,
  base?: BasePolicy,
): Explained {
  const selection = new Selection(documents)
  const { snapshot } = compile(selection.documents, modules, {
    version: BUILT_IN,
    base,
    knownServices: [service],
  })
  const plan = snapshot.services.get(service) as ServicePlan
  const route = plan.route(method, path, protocol)
  const index = plan.routes.indexOf(route)
  const below = base?.services.get(service) ?? base?.general ?? NO_BASE
  const document = selection.of(service)
  const said = levelsOf({ service, base: below, general: selection.general, document })
  const own = said.routes[index]
  const levels = own?.levels ?? said.levels
  const fields = allPieces(modules).flatMap((piece) =>
    provenance(
      piece,
      levels.map((level) => ({
        value: level.level[piece.key],
        from: (field) => placeOf(level, [piece.key, ...field]),
      })),
    ).map((one) => ({ path: pathText([piece.key, ...one.path]), value: one.value, from: one.from })),
  )
  const written = document?.services.get(service)?.routes !== undefined
  return {
    service,
    route: route.name,
    match: route.match,
    routeFrom: own === undefined ? undefined : routeFrom(own.levels, written, below.routes[index]?.from),
    version: plan.version,
    idempotent: route.idempotent,
    fields,
    replacedRoutes: written ? below.routes.length : 0,
    plan,
  }
}

function routeFrom(levels: readonly PlanLevel[], written: boolean, below: string | undefined): string {
  const last = levels.at(-1)
  return written && last !== undefined ? placeOf(last, []) : (below ?? '')
}

function placeOf({ place, from }: PlanLevel, path: Path): string {
  if (place === undefined) return from?.[String(path[0])] ?? 'consul'
  const whole = [...place.path, ...path]
  const line = place.document.positions?.(whole, 'key')?.line
  return `document ${place.document.name}${line === undefined ? '' : `:${line}`} ${pathText(whole)}`
}
