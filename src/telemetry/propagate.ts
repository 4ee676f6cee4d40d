import { channel } from 'node:diagnostics_channel'
import {
  type Context,
  createTraceState,
  propagation,
  ROOT_CONTEXT,
  type SpanContext,
  type TextMapSetter,
  trace,
} from '@opentelemetry/api'
import type { Ambient } from '../core/ambient.ts'
import type { Attempt } from '../core/attempt.ts'
import { BAGGAGE, TRACEPARENT, TRACESTATE } from '../core/header-names.ts'
import type { TraceContext } from '../core/trace-context.ts'
import { formatTraceparent } from '../core/traceparent.ts'
import { traceContextOf } from './context.ts'
import { registered } from './otel.ts'

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
  if (w3cAlone() && propagation.getBaggage(context) === undefined) {
    writeSpan(context, outbox)
    return
  }
  propagation.inject(context, outbox, INTO_OUTBOX)
  if (outbox.has(TRACEPARENT) || propagation.fields().length > 0) return
  writeSpan(context, outbox)
  if (ambient.baggage !== undefined) outbox.set(BAGGAGE, ambient.baggage)
}

function writeSpan(context: Context, outbox: Outbox): void {
  const span: SpanContext | undefined = trace.getSpanContext(context)
  if (span !== undefined && trace.isSpanContextValid(span)) write(traceContextOf(span), outbox)
}

const W3C: ReadonlySet<string> = new Set([TRACEPARENT, TRACESTATE, BAGGAGE])

/** Not yet asked: unlike all that can be registered. */
let asked: unknown = W3C
let only = true

/** Whether the propagator that is registered, if any, reads and writes no headers but those the mesh knows itself. */
export function onlyW3C(): boolean {
  const now = registered('propagation')
  if (now !== asked) {
    asked = now
    only = propagation.fields().every((field) => W3C.has(field.toLowerCase()))
  }
  return only
}

let triedOut: unknown
let alone = false

/**
 * Whether the propagator that is registered writes W3C's headers of a span as we would, and none but W3C's: then they
 * are written here, at a third of the cost. It is tried out when it is first met, since `none` may claim the same.
 */
function w3cAlone(): boolean {
  const now = registered('propagation')
  if (now !== triedOut) {
    triedOut = now
    // Should it throw when it is tried out, it is asked from then on.
    alone = false
    alone = now !== undefined && onlyW3C() && agrees()
  }
  return alone
}

const SAMPLES: readonly SpanContext[] = [
  { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 0 },
  {
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    spanId: '00f067aa0ba902b7',
    traceFlags: 1,
    traceState: createTraceState('congo=t61rcWkgMzE'),
  },
]

function agrees(): boolean {
  return SAMPLES.every((sample) => {
    const context = trace.setSpanContext(ROOT_CONTEXT, sample)
    const [theirs, ours]: [Outbox, Outbox] = [new Map(), new Map()]
    propagation.inject(context, theirs, INTO_OUTBOX)
    writeSpan(context, ours)
    return theirs.size === ours.size && [...ours].every(([name, value]) => theirs.get(name) === value)
  })
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
