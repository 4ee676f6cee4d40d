import { type Span, SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { CODES } from '../core/codes.ts'
import type { Outcome } from '../core/outcome.ts'
import { tracedByOthers } from './propagate.ts'
import type { Semantics } from './semantics.ts'

/** OpenTelemetry's stable HTTP conventions (https://opentelemetry.io/docs/specs/semconv/http/) as far as spans and metrics share them. */

export const METHOD = 'http.request.method'
export const METHOD_ORIGINAL = 'http.request.method_original'
export const STATUS = 'http.response.status_code'
export const RESEND_COUNT = 'http.request.resend_count'
export const ROUTE = 'http.route'
export const ERROR_TYPE = 'error.type'
export const SERVER_ADDRESS = 'server.address'
export const SERVER_PORT = 'server.port'
export const PEER_ADDRESS = 'network.peer.address'
export const PEER_PORT = 'network.peer.port'
export const URL_FULL = 'url.full'
export const URL_PATH = 'url.path'
export const URL_SCHEME = 'url.scheme'

/** Stands for every method outside the list below: a method is a stranger's text, and metrics keep what they see. */
export const OTHER_METHOD = '_OTHER'
const METHODS = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
  'QUERY',
])

export function knownMethod(method: string): string {
  return METHODS.has(method) ? method : OTHER_METHOD
}

/** Spans are named by method, and by route where one is known: never by path. */
export function spanName(method: string, route?: string): string {
  const name = METHODS.has(method) ? method : 'HTTP'
  return route === undefined ? name : `${name} ${route}`
}

export function setMethod(span: Span, method: string): void {
  const known = knownMethod(method)
  span.setAttribute(METHOD, known)
  if (known !== method) span.setAttribute(METHOD_ORIGINAL, method)
}

/**
 * What `error.type` says of an outcome; undefined: nothing went wrong. Few values: our error codes, status codes,
 * conditions.
 * @param errorFrom the least status code that is an error: 400 for clients, 500 for servers and for logical calls
 */
export function errorType(outcome: Outcome, errorFrom: 400 | 500): string | undefined {
  const { class: verdict, code, condition, error } = outcome
  if (error !== undefined) return error.code
  if (code !== undefined && code >= errorFrom) return String(code)
  return verdict === 'failure' ? (condition ?? '_OTHER') : undefined
}

export function setError(span: Span, outcome: Outcome, errorFrom: 400 | 500): void {
  const type = errorType(outcome, errorFrom)
  if (type === undefined) return
  span.setAttribute(ERROR_TYPE, type)
  // The conventions want no description where the status code already says it.
  const { error } = outcome
  span.setStatus(
    error === undefined
      ? { code: SpanStatusCode.ERROR }
      : { code: SpanStatusCode.ERROR, message: error.message },
  )
}

export const HTTP: Semantics = {
  openCall: (tracer, call, parent) =>
    tracer.startSpan(`tulle ${call.target.service}`, { kind: SpanKind.INTERNAL }, parent),

  describeCall: (span, _call, outcome) => setError(span, outcome, 500),

  callError: (outcome) => errorType(outcome, 500),

  recordCall() {},

  attempts: (instruments) => (tracedByOthers() ? undefined : instruments.client),

  openRequest(tracer, call, parent) {
    const span = tracer.startSpan(spanName(call.method), { kind: SpanKind.SERVER }, parent)
    if (!span.isRecording()) return span
    setMethod(span, call.method)
    span.setAttribute(URL_PATH, call.path)
    span.setAttribute(URL_SCHEME, 'http')
    if (call.peer?.address !== undefined) span.setAttribute(PEER_ADDRESS, call.peer.address)
    return span
  },

  describeRequest(span, { method, pattern }, outcome, status) {
    if (pattern !== undefined) {
      span.updateName(spanName(method, pattern))
      span.setAttribute(ROUTE, pattern)
    }
    if (status !== undefined) span.setAttribute(STATUS, status)
    setError(span, outcome, 500)
  },

  recordRequest({ server }, { method: said, pattern }, outcome, status, durationMs) {
    const method = knownMethod(said)
    const error = errorType(outcome, 500)
    const series =
      server.find(pattern, method, status, error) ??
      server.add(pattern, method, status, error, {
        [METHOD]: method,
        [URL_SCHEME]: 'http',
        ...(pattern !== undefined && { [ROUTE]: pattern }),
        ...(status !== undefined && { [STATUS]: status }),
        ...(error !== undefined && { [ERROR_TYPE]: error }),
      })
    series.record(durationMs)
  },

  answered: ({ code, error }, head) => code ?? (error === undefined ? head : CODES[error.code].http),

  routeOf: (call) => call.pattern,
}
