import {
  type Context,
  createTraceState,
  diag,
  propagation,
  ROOT_CONTEXT,
  type SpanContext,
  type TextMapGetter,
  trace,
} from '@opentelemetry/api'
import type { Ambient } from '../core/ambient.ts'
import type { Call } from '../core/call.ts'
import { BAGGAGE } from '../core/header-names.ts'
import type { TraceContext } from '../core/trace-context.ts'

/** Between the mesh's own values and OpenTelemetry's contexts. */

/**
 * What a span opened now is a child of: the span of the context that was captured, or what the caller's headers said.
 */
export function parentOf(ambient: Ambient): Context {
  const captured = ambient.context as Context | undefined
  if (captured !== undefined && trace.getSpan(captured) !== undefined) return captured
  const base = captured ?? ROOT_CONTEXT
  return withBaggage(
    ambient.trace === undefined ? base : trace.setSpanContext(base, remoteSpan(ambient.trace)),
    ambient.baggage,
  )
}

export function remoteSpan({ traceId, spanId, flags, state }: TraceContext): SpanContext {
  const context = { traceId, spanId, traceFlags: flags, isRemote: true }
  return state === undefined ? context : { ...context, traceState: createTraceState(state) }
}

/** The application's propagators read it, so that it gets exactly the baggage it asked for. */
function withBaggage(context: Context, baggage: string | undefined): Context {
  if (baggage === undefined || propagation.getBaggage(context) !== undefined) return context
  return extracted(context, baggage, ONLY_BAGGAGE)
}

/** Propagators are the application's code, and headers a stranger's: where one throws, it has found nothing. */
export function extracted<Carrier>(
  context: Context,
  carrier: Carrier,
  getter?: TextMapGetter<Carrier>,
): Context {
  try {
    return propagation.extract(context, carrier, getter)
  } catch (error) {
    diag.error('tulle: a propagator threw', error)
    return context
  }
}

const ONLY_BAGGAGE: TextMapGetter<string> = {
  keys: () => [BAGGAGE],
  get: (carrier, key) => (key.toLowerCase() === BAGGAGE ? carrier : undefined),
}

export function traceContextOf(context: SpanContext): TraceContext {
  const state = context.traceState?.serialize()
  return {
    traceId: context.traceId,
    spanId: context.spanId,
    flags: context.traceFlags,
    state: state === '' ? undefined : state,
  }
}

/** For events and logs: the trace a call belongs to, whoever opened it. */
export function traceIdOf(call: Call<unknown>): string | undefined {
  const context = (call.span ?? call.ambient.context) as Context | undefined
  const active = context === undefined ? undefined : trace.getSpanContext(context)
  return active?.traceId ?? call.ambient.trace?.traceId
}
