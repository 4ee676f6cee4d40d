import type { Context, Span } from '@opentelemetry/api'
import type { Call } from '../core/call.ts'
import type { CallLayer, Observer } from '../core/hop.ts'
import type { LayerModule, NoParams } from '../core/module.ts'
import type { Outcome } from '../core/outcome.ts'
import { withSpan } from './call-context.ts'
import { parentOf } from './context.ts'
import { activeTracer } from './otel.ts'
import { semanticsOf } from './semantics.ts'
import { opened, SpanObserver } from './span-observer.ts'

/**
 * A span around the whole logical call: waits, retries and refusals are inside it. For HTTP it is INTERNAL, and the
 * requests on the wire are its children; for gRPC it is the CLIENT span, and attempts are its events (`trace-try.ts`).
 * Without an SDK, and for calls that are not sampled, it costs next to nothing.
 */
export const trace: LayerModule<NoParams, CallLayer> = {
  role: 'trace',
  layer: () => (next) => (call, observer) => {
    const span = opened(open, call)
    return next(call, span === undefined ? observer : new CallSpan(span, call, observer))
  },
}

/** Undefined: nothing is recorded, though the context may still carry an unsampled span down to the attempts. */
function open(call: Call<unknown>): Span | undefined {
  const tracer = activeTracer()
  if (tracer === undefined) return undefined
  const parent: Context = parentOf(call.ambient)
  const span = semanticsOf(call).openCall(tracer, call, parent)
  call.span = withSpan(parent, span)
  if (!span.isRecording()) return undefined
  span.setAttribute('tulle.service', call.target.service)
  span.setAttribute('tulle.route', call.route.name)
  span.setAttribute('tulle.policy.version', call.route.policyVersion)
  return span
}

class CallSpan extends SpanObserver {
  readonly #call: Call<unknown>

  constructor(span: Span, call: Call<unknown>, observer: Observer) {
    super(span, observer)
    this.#call = call
  }

  protected override describe(outcome: Outcome): void {
    const call = this.#call
    this.span.setAttribute('tulle.attempts', call.attempts)
    if (call.endpoint !== undefined) this.span.setAttribute('tulle.endpoint', call.endpoint.id)
    semanticsOf(call).describeCall(this.span, call, outcome)
  }
}
