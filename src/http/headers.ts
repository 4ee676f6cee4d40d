import type { Dispatcher } from 'undici'
import { BAGGAGE, TIMEOUT } from '../core/header-names.ts'
import { type HeaderName, headerName } from './header-name.ts'
import { mistake } from './mistake.ts'

/** Names and values in turn, as undici takes them: nothing in here is shared with the caller. */
export type FlatHeaders = (string | string[])[]

export interface RequestHeaders {
  readonly flat: FlatHeaders
  readonly hasIdempotencyKey: boolean
  readonly hasTraceparent: boolean
  /** The caller wrote the name under which a peer is told how long it has. */
  readonly hasTimeout: boolean
  /** The authority of the caller's URL as `Host`, unless the caller gave one. */
  addHost(host: string): void
}

/** Horizontal tab, visible ASCII and obs-text (RFC 9110, 5.5): what is left out is how headers are smuggled. */
const FORBIDDEN_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]/

/**
 * Copies headers in any form undici accepts: a flat array, an iterable of pairs, an object. Checked here, before
 * anything is decided, as strictly as undici will check them again; what is checked already is taken as it is. Throws
 * TULLE_BAD_CALL.
 */
export function copyHeaders(headers: Dispatcher.DispatchOptions['headers']): RequestHeaders {
  if (headers instanceof CheckedHeaders) return headers
  const copy = new CheckedHeaders()
  if (headers === undefined || headers === null) return copy
  if (typeof headers !== 'object') throw mistake('headers must be an object or an array')
  if (Array.isArray(headers)) {
    if (headers.length % 2 !== 0) throw mistake('headers array must be even')
    for (let i = 0; i < headers.length; i += 2) copy.add(headers[i], headers[i + 1])
  } else if (isPairs(headers)) {
    for (const pair of headers) {
      if (!Array.isArray(pair) || pair.length !== 2) throw mistake('headers must be in key-value pair format')
      copy.add(pair[0], pair[1])
    }
  } else {
    for (const name of Object.keys(headers)) copy.add(name, (headers as Record<string, unknown>)[name])
  }
  return copy
}

/** Made for one call, and belongs to it: what was added is not looked at again. */
export class CheckedHeaders implements RequestHeaders {
  readonly flat: FlatHeaders = []
  hasIdempotencyKey = false
  hasTraceparent = false
  hasTimeout = false
  #hasHost = false

  addHost(host: string): void {
    if (this.#hasHost) return
    this.#hasHost = true
    this.flat.push('host', host)
  }

  /** False, and nothing is added, where the value may not be sent. The name is one that `headerName` accepts. */
  tryAdd(name: string, value: string): boolean {
    if (FORBIDDEN_IN_VALUE.test(value)) return false
    this.#put(name, headerName(name).role, value)
    return true
  }

  add(name: unknown, value: unknown): void {
    if (value === undefined) return
    const { role } = headerName(name)
    const key = name as string
    this.#put(key, role, Array.isArray(value) ? value.map((one) => textOf(key, one)) : textOf(key, value))
  }

  #put(name: string, role: HeaderName['role'], text: string | string[]): void {
    if (role === 'host') this.#hasHost = true
    // An empty key is one that somebody forgot to fill in: no server recognises a repetition by it.
    else if (role === 'idempotency-key')
      this.hasIdempotencyKey ||= [text].flat().some((one) => one.trim() !== '')
    else if (role === 'traceparent') this.hasTraceparent = true
    else if (role === TIMEOUT) this.hasTimeout = true
    this.flat.push(name, text)
  }
}

function textOf(name: string, value: unknown): string {
  if (value === null) return ''
  if (typeof value === 'object' || typeof value === 'function' || typeof value === 'symbol')
    throw mistake(`invalid ${name} header`)
  const text = typeof value === 'string' ? value : String(value)
  if (FORBIDDEN_IN_VALUE.test(text)) throw mistake(`invalid ${name} header`)
  return text
}

/** An iterator of its own or by its class, never one that somebody put on Object.prototype. */
function isPairs(headers: object): headers is Iterable<unknown> {
  const prototype: unknown = Object.getPrototypeOf(headers)
  if (prototype === Object.prototype || prototype === null) return Object.hasOwn(headers, Symbol.iterator)
  return Symbol.iterator in headers
}

/**
 * The headers of one attempt: the caller's, with what the layers put in the outbox in place of any of that name;
 * only `baggage` is the caller's to overrule. `base` itself where there is nothing to add.
 */
export function mergeHeaders(base: FlatHeaders, outbox: ReadonlyMap<string, string>): FlatHeaders {
  if (outbox.size === 0) return base
  const merged: FlatHeaders = []
  let ownBaggage = false
  for (let i = 0; i < base.length; i += 2) {
    const name = base[i] as string
    const { lower } = headerName(name)
    if (lower === BAGGAGE) ownBaggage = true
    if (lower === BAGGAGE || !outbox.has(lower)) merged.push(name, base[i + 1] as string | string[])
  }
  for (const [name, value] of outbox) if (name !== BAGGAGE || !ownBaggage) merged.push(name, value)
  return merged
}
