import type { CheckedHeaders } from './headers.ts'
import type { FetchDefaults } from './lean-defaults.ts'

/** What fetch makes of a method; others it checks, warns of or refuses. */
const METHODS: ReadonlyMap<unknown, string> = new Map<unknown, string>(
  ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'].flatMap((method) => [
    [method, method],
    [method.toLowerCase(), method],
  ]),
)
  .set('PATCH', 'PATCH')
  .set(undefined, 'GET')

/** Above 1023, what the Fetch standard blocks ("bad port"). */
const BAD_PORTS: ReadonlySet<number> = new Set([
  1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697,
  10080,
])

/** One request of the lean fetch, ready for the mesh, in the shape of the options of a dispatch. */
export interface LeanRequest {
  readonly origin: string
  readonly path: string
  readonly method: string
  readonly headers: CheckedHeaders
  readonly body: string | Uint8Array | undefined
  /** The URL of the answer: what was asked for, without the fragment. */
  readonly url: string
  readonly signal: AbortSignal | undefined
  /** As it was asked for, with the fragment, which a redirect inherits. */
  readonly href: string
  /** How many of the flat headers the built-in fetch would not add by itself. */
  readonly ownHeaders: number
}

/**
 * The lean fetch's reading of what `fetch` was given; undefined wherever the built-in one has more to say than "send
 * this": other schemes, a `Request`, streams, forms and blobs, modes, and everything it would refuse.
 *
 * @param claims whether an origin is the mesh's
 */
export function leanRequest(
  input: unknown,
  init: RequestInit | null | undefined,
  defaults: FetchDefaults,
  claims: (origin: string) => boolean,
): LeanRequest | undefined {
  if (typeof input !== 'string' && !(input instanceof URL)) return undefined
  const given = init ?? NOTHING
  if (typeof given !== 'object' || asksForMore(given)) return undefined
  const method = METHODS.get(given.method)
  const signal = given.signal ?? undefined
  if (method === undefined || !(signal === undefined || signal instanceof AbortSignal)) return undefined
  const href = String(input)
  const url = typeof input === 'string' ? parsed(input) : input
  if (url === undefined || !isPlain(url)) return undefined
  const { origin } = url
  if (!claims(origin)) return undefined
  const content = contentOf(given.body ?? undefined, method)
  if (content === undefined) return undefined
  const { body, type, length } = content
  const headers = defaults.of(url.protocol)?.of(given.headers, type, length)
  if (headers === undefined) return undefined
  const path = url.pathname + url.search
  return {
    origin,
    path,
    method,
    headers: headers.checked,
    body,
    url: origin + path,
    signal,
    href,
    ownHeaders: headers.own,
  }
}

const NOTHING: RequestInit = {}

/** Not asked first whether it can be: that would be to parse it twice. */
function parsed(url: string): URL | undefined {
  try {
    return new URL(url)
  } catch {
    return undefined
  }
}

/** Options that change what is sent or what becomes of the answer; named with their default, they ask for nothing. */
function asksForMore(init: RequestInit & { readonly priority?: unknown; readonly cache?: unknown }): boolean {
  return (
    (init.redirect !== undefined && init.redirect !== 'follow') ||
    (init.duplex !== undefined && init.duplex !== 'half') ||
    init.mode !== undefined ||
    init.cache !== undefined ||
    init.credentials !== undefined ||
    init.integrity !== undefined ||
    init.keepalive !== undefined ||
    init.referrer !== undefined ||
    init.referrerPolicy !== undefined ||
    init.window !== undefined ||
    init.priority !== undefined
  )
}

function isPlain({ protocol, username, password, port, search, href }: URL): boolean {
  if ((protocol !== 'http:' && protocol !== 'https:') || username !== '' || password !== '') return false
  if (port !== '' && (Number(port) < 1024 || BAD_PORTS.has(Number(port)))) return false
  // Versions of Node.js differ in what becomes of an empty query.
  return search !== '' || !href.includes('?')
}

interface Content {
  readonly body: string | Uint8Array | undefined
  readonly type: string | undefined
  /** As fetch says it: for every body, and for methods that usually have one. */
  readonly length: string | undefined
}

const NONE: Content = { body: undefined, type: undefined, length: undefined }
const EMPTY: Content = { body: undefined, type: undefined, length: '0' }

/** Bytes are copied: fetch has read them when it returns. Undefined: not a body the lean fetch sends. */
function contentOf(body: unknown, method: string): Content | undefined {
  if (body === undefined) return method === 'POST' || method === 'PUT' ? EMPTY : NONE
  if (method === 'GET' || method === 'HEAD') return undefined
  if (typeof body === 'string') return textual(body, 'text/plain;charset=UTF-8')
  if (body instanceof URLSearchParams)
    return textual(body.toString(), 'application/x-www-form-urlencoded;charset=UTF-8')
  const bytes = copyOf(body)
  return bytes && { body: bytes, type: undefined, length: String(bytes.byteLength) }
}

function textual(body: string, type: string): Content {
  return { body, type, length: String(Buffer.byteLength(body)) }
}

function copyOf(body: unknown): Uint8Array | undefined {
  if (body instanceof ArrayBuffer) return new Uint8Array(body.slice(0))
  if (!ArrayBuffer.isView(body) || !(body.buffer instanceof ArrayBuffer)) return undefined
  return new Uint8Array(body.buffer.slice(body.byteOffset, body.byteOffset + body.byteLength))
}
