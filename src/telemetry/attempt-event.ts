import type { Attributes, Span } from '@opentelemetry/api'
import type { Attempt } from '../core/attempt.ts'
import type { Observer } from '../core/hop.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Clock } from '../core/ports.ts'
import { ERROR_TYPE, PEER_ADDRESS, PEER_PORT } from './http-semantics.ts'
import { RPC_STATUS, rpcError, rpcStatus } from './rpc-semantics.ts'
import { processorFailed } from './span-observer.ts'
import { Watch } from './watch.ts'

/** Writes one attempt at a gRPC call into the span of the call when it ends: where it went, how long and how. */
export class AttemptEvent extends Watch {
  readonly #span: Span
  readonly #attempt: Attempt<unknown>
  readonly #clock: Clock

  constructor(span: Span, attempt: Attempt<unknown>, clock: Clock, observer: Observer) {
    super(observer)
    this.#span = span
    this.#attempt = attempt
    this.#clock = clock
  }

  protected override ended(outcome: Outcome): void {
    try {
      this.#span.addEvent('tulle.attempt', this.#describe(outcome))
    } catch (error) {
      processorFailed(error)
    }
  }

  #describe(outcome: Outcome): Attributes {
    const { number, endpoint, startedMs } = this.#attempt
    const status = rpcStatus(outcome)
    const attributes: Attributes = {
      'tulle.attempt.number': number,
      'tulle.attempt.duration': (this.#clock.now() - startedMs) / 1000,
      [RPC_STATUS]: status,
    }
    if (endpoint !== undefined) {
      attributes[PEER_ADDRESS] = endpoint.address
      attributes[PEER_PORT] = endpoint.port
    }
    const error = rpcError(outcome, status, 'client')
    if (error !== undefined) attributes[ERROR_TYPE] = error
    if (outcome.error !== undefined) attributes['error.message'] = outcome.error.message
    return attributes
  }
}
