import type { Dispatcher } from 'undici'
import { encodeForm } from './form.ts'
import { copyHeaders, type RequestHeaders } from './headers.ts'
import { mistake } from './mistake.ts'
import { isNodeStream } from './replay.ts'

/** What a caller may pass to `dispatch` beyond what undici's types say. */
export type DispatchOptions = Dispatcher.DispatchOptions & {
  readonly mesh?: unknown
  readonly maxRedirections?: number
}

const USUAL: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
const TOKEN = /^[!#$%&'*+\-.^_`|~A-Za-z0-9]+$/
const FORBIDDEN_IN_PATH = /[^\u0021-\u00ff]/

/**
 * What is asked, copied from the options of one `dispatch` and checked as undici would. Later changes to the caller's
 * objects do not reach a call that waits or is tried again.
 */
export class HttpRequest {
  readonly method: string
  /** With the query where it was written into the path. */
  readonly target: string
  /** Without the query. */
  readonly path: string
  readonly query: Record<string, unknown> | undefined
  readonly headers: RequestHeaders
  /** Undefined: none. Text, bytes, a form or a blob: in memory. Any other object: comes piece by piece. */
  readonly body: unknown
  readonly bodyComesInPieces: boolean
  readonly upgrade: string | undefined
  readonly reset: boolean | undefined
  readonly blocking: boolean | undefined
  /** Limits the caller set itself; 0: none, ours govern. */
  readonly headersTimeout: number
  readonly bodyTimeout: number

  /** Throws TULLE_BAD_CALL. */
  constructor(options: DispatchOptions) {
    this.method = checkMethod(options.method)
    this.target = checkTarget(options.path, this.method)
    const question = this.target.indexOf('?')
    this.path = question < 0 ? this.target : this.target.slice(0, question)
    this.query = options.query ?? undefined
    this.headers = copyHeaders(options.headers)
    const body: unknown = options.body ?? undefined
    this.bodyComesInPieces = comesInPieces(body)
    this.body = isForm(body) ? encodeForm(body) : body
    this.upgrade = checkUpgrade(options.upgrade)
    this.reset = options.reset ?? undefined
    this.blocking = options.blocking ?? undefined
    this.headersTimeout = options.headersTimeout ?? 0
    this.bodyTimeout = options.bodyTimeout ?? 0
    if (options.throwOnError !== undefined || (options.maxRedirections ?? 0) !== 0)
      throw mistake('throwOnError and maxRedirections are not options of a dispatch; use an interceptor')
  }
}

function checkMethod(method: unknown): string {
  if (typeof method === 'string' && (USUAL.has(method) || TOKEN.test(method))) return method
  throw mistake('invalid request method')
}

function checkTarget(path: unknown, method: string): string {
  if (typeof path !== 'string') throw mistake('path must be a string')
  if (path[0] !== '/' && method !== 'CONNECT') throw mistake('path must start with a slash')
  if (FORBIDDEN_IN_PATH.test(path)) throw mistake('invalid request path')
  return path
}

function checkUpgrade(upgrade: unknown): string | undefined {
  if (upgrade === undefined || upgrade === null || upgrade === false) return undefined
  if (typeof upgrade === 'string' && TOKEN.test(upgrade)) return upgrade
  throw mistake('upgrade must be the name of a protocol')
}

function comesInPieces(body: unknown): boolean {
  if (body === undefined || typeof body === 'string') return false
  if (typeof body !== 'object' || body === null) throw mistake(`a body cannot be a ${typeof body}`)
  if (isNodeStream(body)) return true
  if (ArrayBuffer.isView(body) || body instanceof ArrayBuffer || isForm(body) || isBlob(body)) return false
  if (Symbol.asyncIterator in body || Symbol.iterator in body) return true
  throw mistake('body must be a string, bytes, a form, a blob, a stream or an iterable')
}

/** By their tags, as undici does: the classes of another copy of undici, and the built-in ones, are accepted too. */
const tagOf = (body: object): unknown => (body as Record<symbol, unknown>)[Symbol.toStringTag]
const isForm = (body: unknown): body is object =>
  typeof body === 'object' && body !== null && tagOf(body) === 'FormData' && 'append' in body
const isBlob = (body: object): boolean =>
  (tagOf(body) === 'Blob' || tagOf(body) === 'File') && ('stream' in body || 'arrayBuffer' in body)
