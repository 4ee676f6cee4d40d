import { type Context, context, type Span, SpanKind, type Tracer, trace } from '@opentelemetry/api'
import type { Attempt } from '../core/attempt.ts'
import type { AttemptLayer } from '../core/hop.ts'
import type { LayerModule, NoParams } from '../core/module.ts'
import type { Outcome } from '../core/outcome.ts'
import { parentOf } from './context.ts'
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
import { activeTracer } from './otel.ts'
import { forward, inject, tracedByOthers } from './propagate.ts'
import { redactUrl } from './redact.ts'
import { processorFailed, SpanObserver } from './span-observer.ts'

/**
 * A CLIENT span per attempt, and the headers that make the peer's spans its children. Nobody's work is done twice:
 * where the caller wrote `traceparent` itself, or an instrumentation of undici is at work, this layer only keeps the
 * right context active.
 *
 * `server.address` is the service's name, which is what the caller called; the address that was picked is
 * `network.peer.address`. The port is the picked one's, since mesh names have none.
 */
export const traceTry: LayerModule<NoParams, AttemptLayer> = {
  role: 'trace-try',
  layer: () => (next) => (attempt, observer) => {
    const { call } = attempt
    if (call.carriesTrace === true) return next(attempt, observer)
    const tracer = activeTracer()
    const others = tracedByOthers()
    if (tracer === undefined) {
      if (!others) forward(call.ambient, attempt)
      return next(attempt, observer)
    }
    const parent = (call.span as Context | undefined) ?? parentOf(call.ambient)
    if (others) return context.with(parent, next, undefined, attempt, observer)
    let span: Span | undefined
    try {
      span = open(tracer, attempt, parent)
      inject(trace.setSpan(parent, span), call.ambient, attempt.outbox)
    } catch (error) {
      processorFailed(error)
    }
    return next(attempt, span?.isRecording() ? new AttemptSpan(span, observer) : observer)
  },
}

function open(tracer: Tracer, attempt: Attempt<unknown>, parent: Context): Span {
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

class AttemptSpan extends SpanObserver {
  protected override describe(outcome: Outcome): void {
    const status = outcome.code ?? this.status
    if (status !== undefined) this.span.setAttribute(STATUS, status)
    setError(this.span, outcome, 400)
  }
}
