import { type Context, context, propagation, ROOT_CONTEXT } from '@opentelemetry/api'
import { BAGGAGE, TRACEPARENT, TRACESTATE } from '../core/header-names.ts'
import type { TracingPort } from '../core/runtime.ts'
import { extracted } from './context.ts'

const W3C: readonly string[] = [TRACEPARENT, TRACESTATE, BAGGAGE]

/** What the seams and the inbound leaf ask of tracing. Works alike with an SDK, without one, and with one that comes later. */
export const tracing: TracingPort = {
  capture() {
    const active = context.active()
    return active === ROOT_CONTEXT ? undefined : active
  },

  with(captured, fn) {
    return captured === undefined ? fn() : context.with(captured as Context, fn)
  },

  extract(headers) {
    if (propagation.fields().every((field) => W3C.includes(field.toLowerCase()))) return undefined
    const found = extracted(ROOT_CONTEXT, headers)
    return found === ROOT_CONTEXT ? undefined : found
  },
}
