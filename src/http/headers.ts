import type { Dispatcher } from 'undici'
import { IDEMPOTENCY_KEY, TRACEPARENT } from '../core/header-names.ts'
import { mistake } from './mistake.ts'

/** Names and values in turn, as undici takes them: nothing in here is shared with the caller. */
export type FlatHeaders = (string | string[])[]

export interface RequestHeaders {
  readonly flat: FlatHeaders
  readonly hasHost: boolean
  readonly hasIdempotencyKey: boolean
  readonly hasTraceparent: boolean
}

/** Horizontal tab, visible ASCII and obs-text (RFC 9110, 5.5): what is left out is how headers are smuggled. */
const FORBIDDEN_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]/
const FORBIDDEN_IN_NAME = /[^!#$%&'*+\-.^_`|~A-Za-z0-9]/

/**
 * Copies headers in any form undici accepts: a flat array, an iterable of pairs, an object. Checked here, before
 * anything is decided, as strictly as undici will check them again. Throws TULLE_BAD_CALL.
 */
export function copyHeaders(headers: Dispatcher.DispatchOptions['headers']): RequestHeaders {
  const copy = new Copy()
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

class Copy implements RequestHeaders {
  readonly flat: FlatHeaders = []
  hasHost = false
  hasIdempotencyKey = false
  hasTraceparent = false

  add(name: unknown, value: unknown): void {
    if (value === undefined) return
    if (typeof name !== 'string' || name.length === 0 || FORBIDDEN_IN_NAME.test(name))
      throw mistake('invalid header name')
    if (name.length === 6 && name.toLowerCase() === 'expect')
      throw mistake('the expect header is not supported: a body is sent without asking first')
    if (name.length === 4 && name.toLowerCase() === 'host') this.hasHost = true
    else if (name.length === IDEMPOTENCY_KEY.length && name.toLowerCase() === IDEMPOTENCY_KEY)
      this.hasIdempotencyKey = true
    else if (name.length === TRACEPARENT.length && name.toLowerCase() === TRACEPARENT)
      this.hasTraceparent = true
    this.flat.push(name, Array.isArray(value) ? value.map((one) => textOf(name, one)) : textOf(name, value))
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
  if (Object.hasOwn(headers, Symbol.iterator)) return true
  const prototype: unknown = Object.getPrototypeOf(headers)
  return prototype !== null && prototype !== Object.prototype && Symbol.iterator in headers
}

/** The headers of one attempt: the caller's, with what the layers put in the outbox in place of any of that name. */
export function mergeHeaders(base: FlatHeaders, outbox: ReadonlyMap<string, string>): FlatHeaders {
  const merged: FlatHeaders = []
  for (let i = 0; i < base.length; i += 2) {
    const name = base[i] as string
    if (outbox.size === 0 || !outbox.has(name.toLowerCase()))
      merged.push(name, base[i + 1] as string | string[])
  }
  for (const [name, value] of outbox) merged.push(name, value)
  return merged
}
