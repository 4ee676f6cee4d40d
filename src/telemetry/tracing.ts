import { type Context, context, ROOT_CONTEXT } from '@opentelemetry/api'
import type { TracingPort } from '../core/runtime.ts'
import { extracted } from './context.ts'
import { activeContext } from './otel.ts'
import { onlyW3C } from './propagate.ts'

/** What the seams and the inbound leaf ask of tracing. Works alike with an SDK, without one, and with one that comes later. */
export const tracing: TracingPort = {
  capture: activeContext,

  with(captured, fn) {
    return captured === undefined ? fn() : context.with(captured as Context, fn)
  },

  extract(headers) {
    if (onlyW3C()) return undefined
    const found = extracted(ROOT_CONTEXT, headers)
    return found === ROOT_CONTEXT ? undefined : found
  },
}
