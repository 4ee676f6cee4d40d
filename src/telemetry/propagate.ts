import { channel } from 'node:diagnostics_channel'
import { type Context, propagation, type SpanContext, type TextMapSetter, trace } from '@opentelemetry/api'
import type { Ambient } from '../core/ambient.ts'
import type { Attempt } from '../core/attempt.ts'
import { BAGGAGE, TRACEPARENT, TRACESTATE } from '../core/header-names.ts'
import type { TraceContext } from '../core/trace-context.ts'
import { formatTraceparent } from '../core/traceparent.ts'
import { traceContextOf } from './context.ts'

type Outbox = Map<string, string>

/** Where instrumentations of undici open their span and add their headers; held, because channels are collected. */
const requestCreated = channel('undici:request:create')

/** Somebody else traces the requests on the wire: one span more, or a second `traceparent`, would be a fault. */
export function tracedByOthers(): boolean {
  return requestCreated.hasSubscribers
}

/**
 * Without an SDK we are no participant but a forwarder: what the caller sent goes on unchanged, its parent id
 * included (https://www.w3.org/TR/trace-context/#a-traceparent-is-received).
 */
export function forward({ trace, baggage }: Ambient, attempt: Pick<Attempt<unknown>, 'outbox'>): void {
  if (trace !== undefined) write(trace, attempt.outbox)
  if (baggage !== undefined) attempt.outbox.set(BAGGAGE, baggage)
}

/**
 * Writes the context of a span that was just opened, in the formats the application chose (`OTEL_PROPAGATORS`). Where
 * an SDK came without any propagator, W3C is what every mesh speaks.
 */
export function inject(context: Context, ambient: Ambient, outbox: Outbox): void {
  propagation.inject(context, outbox, INTO_OUTBOX)
  if (outbox.has(TRACEPARENT) || propagation.fields().length > 0) return
  const span: SpanContext | undefined = trace.getSpanContext(context)
  if (span === undefined || !trace.isSpanContextValid(span)) return
  write(traceContextOf(span), outbox)
  if (ambient.baggage !== undefined) outbox.set(BAGGAGE, ambient.baggage)
}

function write(context: TraceContext, outbox: Outbox): void {
  outbox.set(TRACEPARENT, formatTraceparent(context))
  if (context.state !== undefined) outbox.set(TRACESTATE, context.state)
}

const INTO_OUTBOX: TextMapSetter<Outbox> = {
  set(outbox, name, value) {
    outbox.set(name.toLowerCase(), value)
  },
}
