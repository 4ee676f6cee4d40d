import type { PolicyDocument } from './document.ts'
import { type Path, type Problem, problemAt } from './problem.ts'

interface Claim {
  readonly document: PolicyDocument
  readonly path: Path
  readonly of: 'key' | 'value'
}

/** One thing that is said twice, by documents in the order of their names or within one. */
export interface Conflict {
  /** `service orders is`, `host shop is`, `defaults are`. */
  readonly subject: string
  readonly earlier: Claim
  readonly later: Claim
}

/** What more than one service or document claims: a service's settings, the defaults, a host name. */
export function conflicts(documents: Iterable<PolicyDocument>): Conflict[] {
  const claims = new Map<string, Claim>()
  const clashes: Conflict[] = []
  const claim = (subject: string, later: Claim): void => {
    const earlier = claims.get(subject)
    if (earlier === undefined) claims.set(subject, later)
    else clashes.push({ subject, earlier, later })
  }
  for (const document of [...documents].sort((a, b) => compare(a.name, b.name))) {
    if (document.defaults !== undefined) claim('defaults are', { document, path: ['defaults'], of: 'key' })
    for (const [service, { hosts = [] }] of document.services) {
      const path = ['services', service]
      claim(`service ${service} is`, { document, path, of: 'key' })
      for (const [index, host] of hosts.entries())
        claim(`host ${host} is`, { document, path: [...path, 'hosts', index], of: 'value' })
    }
  }
  return clashes
}

/** The conflict as a mistake of the document that is refused; it names the other. */
export function clash({ subject, earlier, later }: Conflict, refused: 'earlier' | 'later'): Problem {
  const [mine, other] = refused === 'later' ? [later, earlier] : [earlier, later]
  const place = other.document.positions?.(other.path, other.of)
  const where = place === undefined ? '' : `:${place.line}:${place.column}`
  const message = `${subject} already in ${other.document.name}${where}`
  return problemAt(mine.document.name, mine.path, message, mine.document.positions, mine.of)
}

/** By code unit, so that the order is the same on every machine. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
