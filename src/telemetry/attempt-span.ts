import { type Context, type Span, SpanKind, type Tracer } from '@opentelemetry/api'
import type { Attempt } from '../core/attempt.ts'
import type { Outcome } from '../core/outcome.ts'
import {
  PEER_ADDRESS,
  PEER_PORT,
  RESEND_COUNT,
  SERVER_ADDRESS,
  SERVER_PORT,
  STATUS,
  setError,
  setMethod,
  spanName,
  URL_FULL,
} from './http-semantics.ts'
import { redactUrl } from './redact.ts'
import { SpanObserver } from './span-observer.ts'

/**
 * Opens the CLIENT span of an attempt over HTTP. `server.address` is the service's name, which is what the caller
 * called; the address that was picked is `network.peer.address`. The port is the picked one's, since mesh names have
 * none.
 */
export function openAttempt(tracer: Tracer, attempt: Attempt<unknown>, parent: Context): Span {
  const { call, endpoint, number } = attempt
  const span = tracer.startSpan(spanName(call.method), { kind: SpanKind.CLIENT }, parent)
  if (!span.isRecording()) return span
  const { service } = call.target
  setMethod(span, call.method)
  span.setAttribute(URL_FULL, redactUrl(call.url ?? `http://${service}${call.path}`))
  span.setAttribute(SERVER_ADDRESS, service)
  if (endpoint !== undefined) {
    span.setAttribute(SERVER_PORT, endpoint.port)
    span.setAttribute(PEER_ADDRESS, endpoint.address)
    span.setAttribute(PEER_PORT, endpoint.port)
  }
  if (number > 1) span.setAttribute(RESEND_COUNT, number - 1)
  return span
}

export class AttemptSpan extends SpanObserver {
  protected override describe(outcome: Outcome): void {
    const status = outcome.code ?? this.status
    if (status !== undefined) this.span.setAttribute(STATUS, status)
    setError(this.span, outcome, 400)
  }
}
