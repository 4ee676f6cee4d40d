import { GRPC_STATUS_NAMES } from '../core/grpc-status.ts'
import type { Route, ServicePlan, Snapshot } from '../core/plan.ts'
import type { PolicyDocument, ServiceEntry } from './document.ts'
import { covers } from './match.ts'
import { type Path, type Problem, problemAt } from './problem.ts'

/** Something that is accepted and yet hardly meant. A `note` may well be right: it never fails a check. */
export interface Warning extends Problem {
  readonly level: 'warning' | 'note'
}

interface Retry {
  readonly limit: number
  readonly retryOn: readonly string[]
  readonly tryTimeout?: number
}

const STATUSES: ReadonlySet<string> = new Set(GRPC_STATUS_NAMES)
const UNSAFE = new Set(['POST', 'PATCH', 'CONNECT'])

/**
 * What `tulle policy check` warns of: routes that no call reaches, retries that rarely happen, attempts allowed more
 * time than their call, services whose addresses must come from elsewhere.
 * @param snapshot compiled from these documents
 */
export function lint(documents: Iterable<PolicyDocument>, snapshot: Snapshot): Warning[] {
  const warnings: Warning[] = []
  for (const document of documents) {
    for (const [service, entry] of document.services) {
      const plan = snapshot.services.get(service)
      if (plan === undefined) continue
      const warn = (path: Path, message: string, level: Warning['level'] = 'warning'): void => {
        const problem = problemAt(document.name, ['services', service, ...path], message, document.positions)
        warnings.push({ ...problem, level })
      }
      unreachable(plan, warn)
      timing(plan, entry, warn)
      unsafeRetries(plan, entry, warn)
      if (plan.endpoints.length === 0)
        warn([], 'no endpoints here: discovery or TULLE_ENDPOINTS must know them', 'note')
    }
  }
  return warnings
}

type Warn = (path: Path, message: string, level?: Warning['level']) => void

function unreachable(plan: ServicePlan, warn: Warn): void {
  for (const [index, { match }] of plan.routes.entries()) {
    const shadow = plan.routes
      .slice(0, index)
      .find((earlier) => match !== undefined && earlier.match !== undefined && covers(earlier.match, match))
    if (shadow !== undefined)
      warn(['routes', index, 'match'], `unreachable: ${shadow.name} matches all of it and comes first`)
  }
}

/** Keys that more than one warning reads; a document without them has nothing to warn of. */
function retryOf({ params }: Route): Retry | undefined {
  const { retry } = params as { retry?: Retry | false }
  return retry === false || retry === undefined || retry.limit === 0 ? undefined : retry
}

function timing(plan: ServicePlan, entry: ServiceEntry, warn: Warn): void {
  for (const [index, route] of plan.routes.entries()) {
    const { timeout } = route.params as { timeout?: number }
    const { tryTimeout } = retryOf(route) ?? {}
    if (timeout === undefined || tryTimeout === undefined || tryTimeout < timeout) continue
    const own = entry.routes?.[index]
    const path = own === undefined ? ['retry'] : ['routes', index, 'retry' in own ? 'retry' : 'timeout']
    warn(
      path,
      `tryTimeout (${tryTimeout}ms) leaves no time for another attempt within timeout (${timeout}ms)`,
    )
  }
}

function unsafeRetries(plan: ServicePlan, entry: ServiceEntry, warn: Warn): void {
  for (const [index, own] of (entry.routes ?? []).entries()) {
    const route = plan.routes[index] as Route
    const { method: methods, grpc } = own.match
    const retry = retryOf(route)
    if (own.retry === undefined || retry === undefined || route.idempotent) continue
    const path = ['routes', index, 'retry']
    if (grpc !== undefined) {
      if (!retry.retryOn.some((on) => STATUSES.has(on)))
        warn(
          path,
          'nobody said that these gRPC calls are idempotent: only attempts that never left are made again, unless retryOn names gRPC statuses or the route says idempotent: true',
        )
    } else if (methods?.every((method) => UNSAFE.has(method)) === true)
      warn(
        path,
        `${methods.join(', ')} is not idempotent: only attempts that never left are made again, unless the caller sends Idempotency-Key or the route says idempotent: true`,
      )
  }
}
