/** A path as applications read it that unescape more than once, however often. */
const MAX_UNESCAPED = 3
const ESCAPE = /%[0-7][0-9a-f]/gi

/**
 * What else than its canonical form an application may read in a path: with every escape undone, as static file servers
 * have it; with the dot segments that come to light resolved (`/public/..%2fadmin`), `\` for a slash and parameters
 * (`;v=1`) not belonging to their segment; and up to the first `;`, where some routers let the query begin.
 */
export class PathReadings {
  /** Undefined: that is what it is as it stands. */
  readonly unescaped: string | undefined
  /** Undefined: it leads nowhere else than it says. */
  readonly resolved: string | undefined
  readonly cut: string | undefined

  private constructor(path: string) {
    const unescaped = unescapeAll(path)
    const semicolon = unescaped.indexOf(';')
    this.unescaped = unescaped === path ? undefined : unescaped
    this.resolved = climbs(unescaped) ? resolve(unescaped) : undefined
    this.cut = semicolon > 0 ? unescaped.slice(0, semicolon) : undefined
  }

  /** @returns undefined for the paths of nearly all requests: there is one way to read them */
  static of(path: string): PathReadings | undefined {
    return path.includes('%') || path.includes(';') || path.includes('\\')
      ? new PathReadings(path)
      : undefined
  }

  /** Whether any reading passes. */
  any(test: (path: string) => boolean): boolean {
    const { unescaped, resolved, cut } = this
    return (
      (unescaped !== undefined && test(unescaped)) ||
      (resolved !== undefined && test(resolved)) ||
      (cut !== undefined && test(cut))
    )
  }
}

function unescapeAll(path: string): string {
  let text = path
  for (let times = 0; times < MAX_UNESCAPED && text.includes('%'); times++) {
    const next = unescapeOnce(text)
    if (next === text) break
    text = next
  }
  return text
}

/** What is no UTF-8 some applications take as bytes; its ASCII is the same for everybody. */
function unescapeOnce(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text.replace(ESCAPE, (triplet) => String.fromCharCode(Number.parseInt(triplet.slice(1), 16)))
  }
}

const segmentsOf = (path: string): readonly string[] =>
  path.split(/[/\\]/).map((segment) => segment.replace(/;.*$/s, ''))

const climbs = (path: string): boolean =>
  segmentsOf(path).some((segment) => segment === '..' || segment === '.')

/** RFC 3986, 5.2.4, and runs of slashes are one. */
function resolve(path: string): string {
  const kept: string[] = []
  for (const segment of segmentsOf(path)) {
    if (segment === '..') kept.pop()
    else if (segment !== '.' && segment !== '') kept.push(segment)
  }
  return `/${kept.join('/')}`
}
