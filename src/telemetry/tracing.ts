import { type Context, context, propagation, ROOT_CONTEXT } from '@opentelemetry/api'
import { BAGGAGE, TRACEPARENT, TRACESTATE } from '../core/header-names.ts'
import type { TracingPort } from '../core/runtime.ts'
import { extracted } from './context.ts'
import { activeContext, registered } from './otel.ts'

const W3C: readonly string[] = [TRACEPARENT, TRACESTATE, BAGGAGE]

/** What the seams and the inbound leaf ask of tracing. Works alike with an SDK, without one, and with one that comes later. */
export const tracing: TracingPort = {
  capture() {
    return activeContext()
  },

  with(captured, fn) {
    return captured === undefined ? fn() : context.with(captured as Context, fn)
  },

  extract(headers) {
    if (readsOnlyW3C()) return undefined
    const found = extracted(ROOT_CONTEXT, headers)
    return found === ROOT_CONTEXT ? undefined : found
  },
}

/** Not yet asked: unlike all that can be registered. */
const UNKNOWN: unknown = {}
let propagator = UNKNOWN
let onlyW3C = true

/** Whether the propagator that is registered reads nothing but what the mesh reads itself. */
function readsOnlyW3C(): boolean {
  const now = registered('propagation')
  if (now !== propagator) {
    propagator = now
    onlyW3C = propagation.fields().every((field) => W3C.includes(field.toLowerCase()))
  }
  return onlyW3C
}
