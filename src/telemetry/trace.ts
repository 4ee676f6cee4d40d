import { type Context, trace as otel, type Span, SpanKind } from '@opentelemetry/api'
import type { Call } from '../core/call.ts'
import type { CallLayer, Observer } from '../core/hop.ts'
import type { LayerModule, NoParams } from '../core/module.ts'
import type { Outcome } from '../core/outcome.ts'
import { parentOf } from './context.ts'
import { setError } from './http-semantics.ts'
import { activeTracer } from './otel.ts'
import { processorFailed, SpanObserver } from './span-observer.ts'

/**
 * An INTERNAL span around the whole logical call: waits, retries and refusals are inside it. The requests on the wire
 * are its children (`trace-try.ts`). Without an SDK, and for calls that are not sampled, it costs next to nothing.
 */
export const trace: LayerModule<NoParams, CallLayer> = {
  role: 'trace',
  layer: () => (next) => (call, observer) => {
    let span: Span | undefined
    try {
      span = open(call)
    } catch (error) {
      processorFailed(error)
    }
    return next(call, span === undefined ? observer : new CallSpan(span, call, observer))
  },
}

/** Undefined: nothing is recorded, though the context may still carry an unsampled span down to the attempts. */
function open(call: Call<unknown>): Span | undefined {
  const tracer = activeTracer()
  if (tracer === undefined) return undefined
  const parent: Context = parentOf(call.ambient)
  const { service } = call.target
  const span = tracer.startSpan(`tulle ${service}`, { kind: SpanKind.INTERNAL }, parent)
  call.span = otel.setSpan(parent, span)
  if (!span.isRecording()) return undefined
  span.setAttribute('tulle.service', service)
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
    const { attempts, endpoint } = this.#call
    this.span.setAttribute('tulle.attempts', attempts)
    if (endpoint !== undefined) this.span.setAttribute('tulle.endpoint', endpoint.id)
    setError(this.span, outcome, 500)
  }
}
