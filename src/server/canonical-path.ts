import type { PathMode } from '../core/runtime.ts'

/*
 * The modes are those of Istio's `pathNormalization`:
 * - `none`: judged as it came.
 * - `base`: unreserved characters are unescaped, `\` becomes `/`, dot segments are resolved (RFC 3986, 5.2.4, 6.2.2).
 * - `merge-slashes`: and runs of slashes become one.
 * - `decode-and-merge-slashes`: and `%2F`, `%5C` count as slashes from the beginning.
 */

/**
 * Merging is what every framework's router expects, and no router of ours tells `//a` from `/a`. Decoding `%2F` as
 * well would break applications that carry slashes inside one segment (`/packages/@scope%2Fname`), so it is asked for
 * where an application unescapes whole paths (static files) and rules deny by path.
 */
export const DEFAULT_PATH_MODE: PathMode = 'merge-slashes'

const UNTOUCHED = /^(?:\/(?![/.])[^%\\/]*)+$/
const BROKEN_ESCAPE = /%(?![0-9a-f]{2})/i
const ESCAPE = /%[0-9a-f]{2}/gi
const UNRESERVED = /[A-Za-z0-9\-._~]/
const ENCODED_SLASH = /%2f|%5c/gi

/**
 * The canonical form of a path, without its query. Running it again changes nothing.
 *
 * @returns undefined where no reading of the path is the only one: an encoded NUL, or a `%` that begins no escape
 *   (`/%%32e` would be `/%2e` after one unescaping and `/.` after the application's own)
 */
export function canonicalPath(path: string, mode: PathMode): string | undefined {
  if (UNTOUCHED.test(path)) return path
  if (path.includes('%00')) return undefined
  if (mode === 'none') return path
  if (BROKEN_ESCAPE.test(path)) return undefined
  let canonical = path.replace(ESCAPE, unescapeUnreserved)
  if (mode === 'decode-and-merge-slashes') canonical = canonical.replace(ENCODED_SLASH, '/')
  canonical = withoutDotSegments(canonical.replaceAll('\\', '/'))
  return mode === 'base' ? canonical : canonical.replace(/\/{2,}/g, '/')
}

function unescapeUnreserved(triplet: string): string {
  const character = String.fromCharCode(Number.parseInt(triplet.slice(1), 16))
  return UNRESERVED.test(character) ? character : triplet
}

/** RFC 3986, 5.2.4. A `..` above the root stays at the root. */
function withoutDotSegments(path: string): string {
  if (!path.includes('/.')) return path
  const segments = path.slice(1).split('/')
  const kept: string[] = []
  for (const segment of segments) {
    if (segment === '..') kept.pop()
    else if (segment !== '.') kept.push(segment)
  }
  const last = segments.at(-1)
  if (last === '.' || last === '..') kept.push('')
  return `/${kept.join('/')}`
}
