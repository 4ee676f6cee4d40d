import {
  baggageEntryMetadataFromString,
  type Context,
  propagation,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
  trace,
} from '@opentelemetry/api'
import { readBaggage } from '../core/baggage.ts'
import { BAGGAGE, TRACEPARENT, TRACESTATE } from '../core/header-names.ts'
import { formatTraceparent, readTraceContext } from '../core/traceparent.ts'
import { remoteSpan, traceContextOf } from './context.ts'

/**
 * OpenTelemetry's W3C propagators over `core/`: the SDK's own accept headers that the specification refuses
 * (a `traceparent` given twice, lists of more than 32 members, malformed keys and values).
 */

export const traceContextPropagator: TextMapPropagator = {
  fields: () => [TRACEPARENT, TRACESTATE],

  inject<C>(context: Context, carrier: C, setter: TextMapSetter<C>) {
    const span = trace.getSpanContext(context)
    if (span === undefined || !trace.isSpanContextValid(span)) return
    const value = traceContextOf(span)
    setter.set(carrier, TRACEPARENT, formatTraceparent(value))
    if (value.state !== undefined) setter.set(carrier, TRACESTATE, value.state)
  },

  extract<C>(context: Context, carrier: C, getter: TextMapGetter<C>) {
    const found = readTraceContext({
      traceparent: lines(getter.get(carrier, TRACEPARENT)),
      tracestate: lines(getter.get(carrier, TRACESTATE)),
    })
    return found === undefined ? context : trace.setSpanContext(context, remoteSpan(found))
  },
}

export const baggagePropagator: TextMapPropagator = {
  fields: () => [BAGGAGE],

  inject<C>(context: Context, carrier: C, setter: TextMapSetter<C>) {
    const entries = propagation.getBaggage(context)?.getAllEntries() ?? []
    const value = readBaggage(
      entries.map(([key, { value, metadata }]) => {
        const properties = metadata === undefined ? '' : `;${metadata.toString()}`
        return `${encodeURIComponent(key)}=${encodeURIComponent(value)}${properties}`
      }),
    )
    if (value !== undefined) setter.set(carrier, BAGGAGE, value)
  },

  extract<C>(context: Context, carrier: C, getter: TextMapGetter<C>) {
    const value = readBaggage(lines(getter.get(carrier, BAGGAGE)))
    if (value === undefined) return context
    return propagation.setBaggage(
      context,
      propagation.createBaggage(Object.fromEntries(value.split(',').map(entry))),
    )
  },
}

function lines(value: string | string[] | undefined): readonly string[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : value
}

function entry(
  member: string,
): [string, { value: string; metadata?: ReturnType<typeof baggageEntryMetadataFromString> }] {
  const equals = member.indexOf('=')
  const semicolon = member.indexOf(';', equals)
  const end = semicolon === -1 ? member.length : semicolon
  const key = decoded(member.slice(0, equals).trim())
  const value = decoded(member.slice(equals + 1, end).trim())
  if (semicolon === -1) return [key, { value }]
  return [key, { value, metadata: baggageEntryMetadataFromString(member.slice(semicolon + 1).trim()) }]
}

/** Not every sender escapes; what is no escape stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
