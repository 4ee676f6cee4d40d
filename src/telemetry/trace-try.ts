import { type Context, context, type Span, trace } from '@opentelemetry/api'
import type { Attempt } from '../core/attempt.ts'
import type { AttemptLayer, Hop } from '../core/hop.ts'
import type { LayerModule, NoParams } from '../core/module.ts'
import type { Clock } from '../core/ports.ts'
import { AttemptEvent } from './attempt-event.ts'
import { AttemptSpan, openAttempt } from './attempt-span.ts'
import { withSpan } from './call-context.ts'
import { parentOf } from './context.ts'
import { activeTracer } from './otel.ts'
import { forward, inject, tracedByOthers } from './propagate.ts'
import { processorFailed } from './span-observer.ts'

/**
 * HTTP: a CLIENT span per attempt, and the headers that make the peer's spans its children. gRPC: an event per attempt
 * on the span of the call, and the metadata that makes the peer's spans children of that. Nobody's work is done twice:
 * where the caller wrote `traceparent` itself, or an instrumentation of undici is at work, this layer only keeps the
 * right context active; instrumentations of grpc-js are above us and write the metadata of the caller.
 */
export const traceTry: LayerModule<NoParams, AttemptLayer> = {
  role: 'trace-try',
  layer:
    (_params, { clock }) =>
    (next) => {
      const http = spans(next)
      const grpc = events(next, clock)
      return (attempt, observer) => (attempt.call.protocol === 'grpc' ? grpc : http)(attempt, observer)
    },
}

type Try<W> = Hop<Attempt<W>>

const spans =
  <W>(next: Try<W>): Try<W> =>
  (attempt, observer) => {
    const { call } = attempt
    if (call.carriesTrace === true) return next(attempt, observer)
    const tracer = activeTracer()
    const others = tracedByOthers()
    if (tracer === undefined) {
      if (!others) forward(call.ambient, attempt)
      return next(attempt, observer)
    }
    const parent = contextOf(attempt)
    if (others) return context.with(parent, next, undefined, attempt, observer)
    let span: Span | undefined
    try {
      // Whether a call is recorded is decided once, at its own span: its attempts carry that on and ask no sampler.
      const recorded = call.span === undefined || trace.getSpan(parent)?.isRecording() === true
      if (recorded) span = openAttempt(tracer, attempt, parent)
      inject(span === undefined ? parent : withSpan(parent, span), call.ambient, attempt.outbox)
    } catch (error) {
      processorFailed(error)
    }
    return next(attempt, span?.isRecording() ? new AttemptSpan(span, observer) : observer)
  }

const events =
  <W>(next: Try<W>, clock: Clock): Try<W> =>
  (attempt, observer) => {
    const { call } = attempt
    const carries = call.carriesTrace === true
    if (activeTracer() === undefined) {
      if (!carries) forward(call.ambient, attempt)
      return next(attempt, observer)
    }
    let span: Span | undefined
    try {
      if (!carries) inject(contextOf(attempt), call.ambient, attempt.outbox)
      span = call.span === undefined ? undefined : trace.getSpan(call.span as Context)
    } catch (error) {
      processorFailed(error)
    }
    return next(attempt, span?.isRecording() ? new AttemptEvent(span, attempt, clock, observer) : observer)
  }

/** What an attempt belongs to: the span of its call. */
function contextOf({ call }: Attempt<unknown>): Context {
  return (call.span as Context | undefined) ?? parentOf(call.ambient)
}
