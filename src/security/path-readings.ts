/** A path as applications read it that unescape more than once, however often. */
const MAX_UNESCAPED = 3
const ESCAPE = /%[0-7][0-9a-f]/gi
/** ASCII written with more bytes than it takes (RFC 3629, 3 forbids it): `%c0%af` is a slash to lenient decoders. */
const OVERLONG = /%(?:c[01]|e0%8[01]|f0%80%8[01])%[89ab][0-9a-f]/gi
/** What a path without them can only be read in one way: `*` is no path, and means them all. */
const ODD = /[%;\\*]|\/[/.]/

/**
 * What else than its canonical form an application may read in a path: with every escape undone, as static file servers
 * have it; with the dot segments that come to light resolved (`/public/..%2fadmin`), `\` for a slash, parameters (`;v=1`)
 * not belonging to their segment, and runs of slashes being one; and up to the first `;`, `?` or `#`, where some routers
 * let the query begin.
 */
export class PathReadings {
  /** What denies must look at all of them. */
  readonly all: readonly string[]
  /** For what allows. Undefined: it leads nowhere else than it says. */
  readonly resolved: string | undefined
  /** For what allows. Undefined: nothing in it begins a query. */
  readonly cut: string | undefined

  private constructor(path: string) {
    const unescaped = unescapeAll(path)
    const end = unescaped.search(/[;?#]/)
    this.cut = end > 0 ? unescaped.slice(0, end) : undefined
    this.resolved = climbs(unescaped) ? resolve(unescaped) : undefined
    const whole = path === '*' ? '/' : unescaped
    const all = this.cut === undefined ? forms(whole) : [...forms(whole), ...forms(this.cut)]
    this.all = [...new Set(all)]
  }

  /** @returns undefined for the paths of nearly all requests: there is one way to read them */
  static of(path: string): PathReadings | undefined {
    if (!ODD.test(path)) return undefined
    if (latest?.path !== path) latest = { path, readings: new PathReadings(path) }
    return latest.readings
  }
}

/** Every permission of an intention asks about the same path, one after the other, and reading a long one takes a while. */
let latest: { readonly path: string; readonly readings: PathReadings } | undefined

/** A slash that came to light at the end may count or not. */
function forms(path: string): readonly string[] {
  const resolved = resolve(path)
  const bare = resolved.length > 1 && resolved.endsWith('/') ? resolved.slice(0, -1) : resolved
  return [path, resolved, bare]
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
    return text
      .replace(OVERLONG, overlong)
      .replace(ESCAPE, (triplet) => String.fromCharCode(Number.parseInt(triplet.slice(1), 16)))
  }
}

/** The seventh bit is the last of the byte before, the others are those of the last. */
function overlong(bytes: string): string {
  const [before = 0, last = 0] = [bytes.slice(-5, -3), bytes.slice(-2)].map((hex) => Number.parseInt(hex, 16))
  return String.fromCharCode(((before & 1) << 6) | (last & 0x3f))
}

const segmentsOf = (path: string): readonly string[] => path.split(/[/\\]/).map(withoutParameters)

function withoutParameters(segment: string): string {
  const at = segment.indexOf(';')
  return at < 0 ? segment : segment.slice(0, at)
}

const climbs = (path: string): boolean =>
  segmentsOf(path).some((segment) => segment === '..' || segment === '.')

/** RFC 3986, 5.2.4, and runs of slashes are one. */
function resolve(path: string): string {
  const segments = segmentsOf(path)
  const kept: string[] = []
  for (const segment of segments) {
    if (segment === '..') kept.pop()
    else if (segment !== '.' && segment !== '') kept.push(segment)
  }
  const folder = /^\.{0,2}$/.test(segments.at(-1) ?? '') && kept.length > 0
  return `/${kept.join('/')}${folder ? '/' : ''}`
}
