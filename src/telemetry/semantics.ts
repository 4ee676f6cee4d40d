import type { Context, Span, Tracer } from '@opentelemetry/api'
import type { Call } from '../core/call.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Duration } from './duration.ts'
import { HTTP } from './http-semantics.ts'
import type { Instruments } from './instruments.ts'
import { RPC } from './rpc-semantics.ts'

/**
 * What OpenTelemetry's conventions of one protocol say of a call and of a request, as far as the layers have to ask.
 * Chosen once per call, so that no layer tells protocols apart.
 */
export interface Semantics {
  /** Opens the span of a logical call. */
  openCall(tracer: Tracer, call: Call<unknown>, parent: Context): Span
  /** Says in that span how the call ended. */
  describeCall(span: Span, call: Call<unknown>, outcome: Outcome): void
  /** `error.type` in the mesh's own metrics: alike for both protocols, an answer that the peer meant is no error. */
  callError(outcome: Outcome): string | undefined
  /** Records a logical call where the conventions measure those. */
  recordCall(instruments: Instruments, call: Call<unknown>, outcome: Outcome, durationMs: number): void
  /** What attempts are measured with; undefined: nothing, or it is somebody else's business. */
  attempts(instruments: Instruments): Duration | undefined

  /** Opens the span of a request that arrived. */
  openRequest(tracer: Tracer, call: Call<unknown>, parent: Context): Span
  /** @param status as `answered` said */
  describeRequest(span: Span, call: Call<unknown>, outcome: Outcome, status: number | undefined): void
  recordRequest(
    instruments: Instruments,
    call: Call<unknown>,
    outcome: Outcome,
    status: number | undefined,
    durationMs: number,
  ): void
  /**
   * What a request was answered with; a refusal of ours is answered with the status of its code.
   * @param head the status of the head, where there was one
   */
  answered(outcome: Outcome, head: number | undefined): number | undefined
  /** Which of the application's handlers it was; few values. */
  routeOf(call: Call<unknown>): string | undefined
}

export function semanticsOf({ protocol }: Call<unknown>): Semantics {
  return protocol === 'grpc' ? RPC : HTTP
}
