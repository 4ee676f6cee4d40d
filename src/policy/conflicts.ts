import type { PolicyDocument } from './document.ts'
import { type Path, type Problem, problemAt } from './problem.ts'

/** Two documents that claim one thing. `problem` belongs to the one whose name sorts later, and names both. */
export interface Conflict {
  readonly earlier: string
  readonly later: string
  readonly problem: Problem
}

interface Claim {
  readonly document: PolicyDocument
  readonly path: Path
}

/** What more than one service or document claims: a service's settings, the defaults, a host name. */
export function conflicts(documents: Iterable<PolicyDocument>): Conflict[] {
  const claims = new Map<string, Claim>()
  const clashes: Conflict[] = []
  const claim = (what: string, document: PolicyDocument, path: Path, of: 'key' | 'value'): void => {
    const first = claims.get(what)
    if (first === undefined) {
      claims.set(what, { document, path })
      return
    }
    const place = first.document.positions?.(first.path, of)
    const where =
      place === undefined ? first.document.name : `${first.document.name}:${place.line}:${place.column}`
    const problem = problemAt(document.name, path, `${what} is already in ${where}`, document.positions, of)
    clashes.push({ earlier: first.document.name, later: document.name, problem })
  }
  for (const document of [...documents].sort((a, b) => compare(a.name, b.name))) {
    if (document.defaults !== undefined) claim('defaults', document, ['defaults'], 'key')
    for (const [service, { hosts = [] }] of document.services) {
      claim(`service ${service}`, document, ['services', service], 'key')
      for (const [index, host] of hosts.entries())
        claim(`host ${host}`, document, ['services', service, 'hosts', index], 'value')
    }
  }
  return clashes
}

/** By code unit, so that the order is the same on every machine. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
