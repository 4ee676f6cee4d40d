import { type Context, type Span, SpanKind, trace } from '@opentelemetry/api'
import type { Call } from '../core/call.ts'
import type { CallLayer, Observer } from '../core/hop.ts'
import type { LayerModule, NoParams } from '../core/module.ts'
import type { Outcome } from '../core/outcome.ts'
import { parentOf, traceContextOf } from './context.ts'
import {
  answeredStatus,
  PEER_ADDRESS,
  ROUTE,
  STATUS,
  setError,
  setMethod,
  spanName,
  URL_PATH,
  URL_SCHEME,
} from './http-semantics.ts'
import { activeTracer } from './otel.ts'
import { processorFailed, SpanObserver } from './span-observer.ts'

/**
 * A SERVER span per inbound request, a child of what the headers said; the handler and the calls it makes run inside
 * it. Where an instrumentation of the application opened one already, that one is taken over and none is added.
 */
export const traceIn: LayerModule<NoParams, CallLayer> = {
  role: 'trace',
  layer: () => (next) => (call, observer) => {
    let span: Span | undefined
    try {
      span = open(call)
    } catch (error) {
      processorFailed(error)
    }
    return next(call, span === undefined ? observer : new RequestSpan(span, call, observer))
  },
}

function open(call: Call<unknown>): Span | undefined {
  const tracer = activeTracer()
  if (tracer === undefined) return undefined
  const theirs = spanOfOthers(call)
  if (theirs !== undefined) {
    call.setAmbient?.({ ...call.ambient, trace: traceContextOf(theirs.spanContext()) })
    return undefined
  }
  // A span of this process that is active here by accident (the one `listen` was called in) is nobody's parent.
  const inherited = call.ambient.context as Context | undefined
  const foreign = inherited !== undefined && trace.getSpanContext(inherited)?.isRemote !== true
  const parent = parentOf(foreign ? { ...call.ambient, context: trace.deleteSpan(inherited) } : call.ambient)
  const span = tracer.startSpan(spanName(call.method), { kind: SpanKind.SERVER }, parent)
  const context = trace.setSpan(parent, span)
  call.span = context
  call.setAmbient?.({ ...call.ambient, context, trace: traceContextOf(span.spanContext()) })
  if (!span.isRecording()) return undefined
  setMethod(span, call.method)
  span.setAttribute(URL_PATH, call.path)
  span.setAttribute(URL_SCHEME, 'http')
  if (call.peer?.address !== undefined) span.setAttribute(PEER_ADDRESS, call.peer.address)
  return span
}

/**
 * The span an instrumentation opened for this very request: a SERVER span that is still running, or a span of the
 * trace that the headers named. One that is not recorded tells no kind; it is taken for such.
 */
export function spanOfOthers(call: Call<unknown>): Span | undefined {
  const context = call.ambient.context as Context | undefined
  const span = context === undefined ? undefined : trace.getSpan(context)
  if (span === undefined) return undefined
  const { isRemote, traceId } = span.spanContext()
  if (isRemote === true) return undefined
  const { kind, ended } = span as Span & { kind?: SpanKind; ended?: boolean }
  if (kind === undefined) return span
  if (ended === true) return undefined
  return kind === SpanKind.SERVER || traceId === call.ambient.trace?.traceId ? span : undefined
}

class RequestSpan extends SpanObserver {
  readonly #call: Call<unknown>

  constructor(span: Span, call: Call<unknown>, observer: Observer) {
    super(span, observer)
    this.#call = call
  }

  protected override describe(outcome: Outcome): void {
    const { method, pattern } = this.#call
    if (pattern !== undefined) {
      this.span.updateName(spanName(method, pattern))
      this.span.setAttribute(ROUTE, pattern)
    }
    const status = answeredStatus(outcome) ?? this.status
    if (status !== undefined) this.span.setAttribute(STATUS, status)
    setError(this.span, outcome, 500)
  }
}
