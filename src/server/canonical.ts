import type { IncomingMessage } from 'node:http'
import { MeshError } from '../core/errors.ts'
import {
  BAGGAGE,
  GRPC_TIMEOUT,
  PREVIOUS_ATTEMPTS,
  TIMEOUT,
  TRACEPARENT,
  TRACESTATE,
} from '../core/header-names.ts'
import { isConfusable, isProtected } from '../core/protected-headers.ts'
import type { PathMode } from '../core/runtime.ts'
import { canonicalPath } from './canonical-path.ts'

/** What the mesh itself reads of a request, taken in the one pass over its raw headers. */
export interface CanonicalRequest {
  /** Without the query: what is judged, and what the application gets. */
  readonly path: string
  /** From the `?` on, exactly as it came; empty where there is none. */
  readonly query: string
  /** Lower case, without a trailing dot and without the default port; undefined: HTTP/1.0 without a Host. */
  readonly authority: string | undefined
  readonly traceparent: readonly string[]
  readonly tracestate: readonly string[]
  readonly baggage: readonly string[]
  readonly timeout: readonly string[]
  readonly grpcTimeout: readonly string[]
  readonly previousAttempts: string | undefined
  /** Positions in `rawHeaders` of names that must not reach the application; undefined: none. */
  readonly spoofed: readonly number[] | undefined
}

export interface CanonicalRules {
  readonly paths: PathMode
  /** 0: any number. */
  readonly maxHeaders: number
  /** False: a path that is not canonical is a mistake, because something has already decided by it. */
  readonly rewritable: boolean
}

const NONE: readonly string[] = Object.freeze([])
/** RFC 9112, 3.2: a target is printable ASCII; what url.parse would trim or cut at is never let near a router. */
const TARGET = /^[!-"$-~]+$/
/** Without a query, and canonical in every mode: nearly every one. */
const USUAL_TARGET = /^(?:\/[\w~!$&'()*+,;=:@-][\w~!$&'()*+,;=:@.-]*)+$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not come in
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/
/** What is in its canonical form already: nearly every one. */
const USUAL_AUTHORITY = /^[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::(?!80$)[0-9]{1,5})?$/
const AUTHORITY = /^(?:[a-z0-9._~!$&'()*+;=%-]+|\[[0-9a-f:.]+\])?(?::[0-9]{0,5})?$/

/**
 * Reads a request once, before anything decides on it, from `url` and `rawHeaders` alone: Node's joined views hide
 * what was sent twice. Never changes the request.
 *
 * @throws nothing: a request with more than one reading is returned as its TULLE_BAD_REQUEST or TULLE_HEADERS_TOO_LARGE
 */
export function canonicalise(
  req: IncomingMessage,
  target: string,
  rules: CanonicalRules,
): CanonicalRequest | MeshError {
  const raw = req.rawHeaders
  if (rules.maxHeaders > 0 && raw.length > rules.maxHeaders * 2) {
    const message = `The request has ${raw.length / 2} headers; this server accepts ${rules.maxHeaders}.`
    return new MeshError('TULLE_HEADERS_TOO_LARGE', message, { layer: 'canonical' })
  }
  const request = new Reading()
  const mistake = request.headers(raw) ?? request.target(target, req.method, rules)
  return mistake === undefined ? request : bad(mistake)
}

function bad(rule: string): MeshError {
  return new MeshError('TULLE_BAD_REQUEST', rule, { layer: 'canonical' })
}

class Reading implements CanonicalRequest {
  path = ''
  query = ''
  authority: string | undefined
  traceparent = NONE
  tracestate = NONE
  baggage = NONE
  timeout = NONE
  grpcTimeout = NONE
  previousAttempts: string | undefined
  spoofed: number[] | undefined
  #host: string | undefined
  #codings: string | undefined

  headers(raw: readonly string[]): string | undefined {
    for (let index = 0; index < raw.length; index += 2) {
      const given = raw[index]!
      const value = raw[index + 1]!
      const known = NAMES.get(given)
      if (known?.usual !== value) {
        if (CONTROL.test(value)) return 'A header holds a control character.'
        known?.remember(value)
      }
      if (known?.meaning === MEANINGLESS) continue
      const name = known?.meaning ?? given.toLowerCase()
      if (known === undefined && CONTROL.test(name)) return 'A header holds a control character.'
      const mistake = this.#header(given, name, value, index)
      if (mistake !== undefined) return mistake
    }
    if (this.authority !== undefined && this.#host !== undefined && this.authority !== this.#host)
      return 'host and :authority disagree.'
    this.authority ??= this.#host
    return undefined
  }

  #header(given: string, name: string, value: string, index: number): string | undefined {
    switch (name) {
      case 'host':
        if (this.#host !== undefined) return 'There is more than one Host header.'
        this.#host = canonicalAuthority(value)
        return this.#host === undefined ? 'The Host header is no host name.' : undefined
      case ':authority':
        this.authority = canonicalAuthority(value)
        return this.authority === undefined ? ':authority is no host name.' : undefined
      case 'transfer-encoding':
        if (this.#codings !== undefined) return 'There is more than one Transfer-Encoding header.'
        this.#codings = value
        return framed(value) ? undefined : 'The body of the request does not end with the chunked coding.'
      case TRACEPARENT:
        this.traceparent = this.traceparent === NONE ? [value] : [...this.traceparent, value]
        return undefined
      case TRACESTATE:
        this.tracestate = this.tracestate === NONE ? [value] : [...this.tracestate, value]
        return undefined
      case BAGGAGE:
        this.baggage = this.baggage === NONE ? [value] : [...this.baggage, value]
        return undefined
      case TIMEOUT:
        this.timeout = this.timeout === NONE ? [value] : [...this.timeout, value]
        return undefined
      case GRPC_TIMEOUT:
        this.grpcTimeout = this.grpcTimeout === NONE ? [value] : [...this.grpcTimeout, value]
        return undefined
      case PREVIOUS_ATTEMPTS:
        this.previousAttempts = value
        break
    }
    if (isConfusable(name)) return 'A header name with an underscore stands for one that the mesh believes.'
    if (isProtected(name)) {
      this.spoofed ??= []
      this.spoofed.push(index)
    } else remember(given)
    return undefined
  }

  /** Splits the query off first, so that nothing after the `?` can ever become path. Never `new URL`: `//admin` is a path. */
  target(target: string, method: string | undefined, rules: CanonicalRules): string | undefined {
    if (USUAL_TARGET.test(target)) {
      this.path = target
      return undefined
    }
    if (target === '*' && method === 'OPTIONS') {
      this.path = target
      return undefined
    }
    if (!target.startsWith('/')) return 'The request target is not a path; this server is not a proxy.'
    if (!TARGET.test(target))
      return 'The request target holds a fragment, a space, a control character or bytes beyond ASCII.'
    const mark = target.indexOf('?')
    const given = mark === -1 ? target : target.slice(0, mark)
    const path = canonicalPath(given, rules.paths)
    if (path === undefined) return 'The path holds an encoded NUL or a % that begins no escape.'
    if (path !== given && !rules.rewritable)
      return 'The path is not canonical and a router has already chosen by it.'
    this.path = path
    if (mark !== -1) this.query = target.slice(mark)
    return undefined
  }
}

/**
 * The same request without what only members of a mesh may say to each other: deadlines, attempts, baggage. A trace may
 * be continued, it is an id and nothing that anybody acts on.
 */
export function asStranger(request: CanonicalRequest): CanonicalRequest {
  const { path, query, authority, traceparent, tracestate, spoofed } = request
  return {
    path,
    query,
    authority,
    traceparent,
    tracestate,
    spoofed,
    baggage: NONE,
    timeout: NONE,
    grpcTimeout: NONE,
    previousAttempts: undefined,
  }
}

/** Stands for a name that the mesh does not read. */
const MEANINGLESS = ''
const LONGEST_REMEMBERED = 64

/** What is known of a name as it was written. */
class Name {
  /** In lower case, where the mesh reads it. */
  readonly meaning: string
  /** The latest value, of names whose values come again and are nobody's secret: it holds no control character. */
  usual: string | undefined = undefined
  readonly #repeats: boolean

  constructor(meaning: string, repeats = false) {
    this.meaning = meaning
    this.#repeats = repeats
  }

  remember(value: string): void {
    if (this.#repeats && value.length <= LONGEST_REMEMBERED) this.usual = value
  }
}

/**
 * Names that nearly all requests have, in the usual spellings; and such that mean nothing to the mesh, as they came:
 * with nearly every request the same come again. Whoever makes them up starts the memory afresh.
 */
const NAMES = new Map<string, Name>()
const MAX_REMEMBERED = 1024
const UNREAD = new Name(MEANINGLESS)
afresh()

function remember(name: string): void {
  if (name.length > LONGEST_REMEMBERED) return
  if (NAMES.size >= MAX_REMEMBERED) afresh()
  NAMES.set(name, UNREAD)
}

function afresh(): void {
  NAMES.clear()
  for (const name of [TRACEPARENT, TRACESTATE, BAGGAGE, TIMEOUT, GRPC_TIMEOUT])
    NAMES.set(name, new Name(name))
  for (const name of ['host', 'Host']) NAMES.set(name, new Name('host', true))
  for (const name of ['connection', 'Connection', 'accept', 'Accept', 'accept-encoding', 'Accept-Encoding'])
    NAMES.set(name, new Name(MEANINGLESS, true))
}

/** RFC 9112, 6.3: chunked comes last and once, or nobody knows where the body ends. Node finds out after the handler has begun. */
function framed(codings: string): boolean {
  const all = codings.toLowerCase().split(',')
  return all.findIndex((coding) => coding.trim() === 'chunked') === all.length - 1
}

/** Of the latest request whose authority was canonical: most ask for the same. */
let usualAuthority: string | undefined

function canonicalAuthority(value: string): string | undefined {
  if (value === usualAuthority) return value
  if (USUAL_AUTHORITY.test(value)) {
    usualAuthority = value
    return value
  }
  const lower = value.toLowerCase()
  if (!AUTHORITY.test(lower)) return undefined
  return lower.replace(/:(?:80)?$/, '').replace(/\.(?=:|$)/, '')
}
