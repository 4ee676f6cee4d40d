import { ROOT_CONTEXT, type Span, SpanKind, trace } from '@opentelemetry/api'
import type { Call } from '../core/call.ts'
import type { CallLayer, Observer } from '../core/hop.ts'
import type { LayerModule, NoParams } from '../core/module.ts'
import type { Outcome } from '../core/outcome.ts'
import { parentOf, traceContextOf } from './context.ts'
import { activeContext, activeTracer } from './otel.ts'
import { semanticsOf } from './semantics.ts'
import { opened, SpanObserver } from './span-observer.ts'

/**
 * A SERVER span per inbound request, a child of what the headers said; the handler and the calls it makes run inside
 * it. Where an instrumentation of the application opened one already, that one is taken over and none is added.
 */
export const traceIn: LayerModule<NoParams, CallLayer> = {
  role: 'trace',
  layer: () => (next) => (call, observer) => {
    const span = opened(open, call)
    return next(call, span === undefined ? observer : new RequestSpan(span, call, observer))
  },
}

function open(call: Call<unknown>): Span | undefined {
  const tracer = activeTracer()
  if (tracer === undefined) return undefined
  const active = activeContext() ?? ROOT_CONTEXT
  const theirs = spanOfOthers(call)
  if (theirs !== undefined) {
    call.setAmbient?.({ ...call.ambient, context: active, trace: traceContextOf(theirs.spanContext()) })
    return undefined
  }
  const parent = parentOf({ ...call.ambient, context: call.ambient.context ?? trace.deleteSpan(active) })
  const span = semanticsOf(call).openRequest(tracer, call, parent)
  const context = trace.setSpan(parent, span)
  call.span = context
  call.setAmbient?.({ ...call.ambient, context, trace: traceContextOf(span.spanContext()) })
  return span.isRecording() ? span : undefined
}

/**
 * The span an instrumentation opened for this very request: a SERVER span that is still running, or one of the trace
 * that the headers named. Any other that is active here is so by accident (the one `listen` was called in) and nobody's
 * parent. A span that is not recorded tells no kind and gets the benefit of the doubt.
 */
export function spanOfOthers(call: Call<unknown>): Span | undefined {
  const active = activeContext()
  const span = active && trace.getSpan(active)
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
    const semantics = semanticsOf(this.#call)
    const status = semantics.answered(outcome, this.status)
    semantics.describeRequest(this.span, this.#call, outcome, status)
  }
}
