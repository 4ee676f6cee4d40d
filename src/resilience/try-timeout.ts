import type { Attempt } from '../core/attempt.ts'
import { stormError } from '../core/errors.ts'
import { type AttemptLayer, type Cancel, type Hop, NOTHING_TO_CANCEL, type Observer } from '../core/hop.ts'
import type { LayerModule } from '../core/module.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Clock } from '../core/ports.ts'
import { type RetryParams, retryPiece } from './retry-policy.ts'

/**
 * Bounds one attempt from `sent` to its head (SEMANTICS 2.1.7): the time that the peer is answerable for. Connecting
 * has its own bound, and an answer that overtakes its request is never bounded. Where the whole call has no more
 * time than this, the layer stays out of the way. Ends an attempt with TULLE_TRY_TIMEOUT.
 */
export const tryTimeout: LayerModule<RetryParams | false, AttemptLayer> = {
  role: 'try-timeout',
  piece: retryPiece,
  layer: (params, { clock }) =>
    params === false || params.tryTimeout === undefined
      ? undefined
      : tryTimeoutLayer(params.tryTimeout, clock),
}

function tryTimeoutLayer(ms: number, clock: Clock): AttemptLayer {
  return <W>(next: Hop<Attempt<W>>): Hop<Attempt<W>> =>
    (attempt, observer) => {
      if (ms >= attempt.call.deadline - attempt.startedMs) return next(attempt, observer)
      const bound = new Bound(attempt, ms, clock, observer)
      bound.cancel = next(attempt, bound)
      return bound.cancel
    }
}

class Bound implements Observer {
  cancel: Cancel = NOTHING_TO_CANCEL
  #disarm: (() => void) | undefined
  readonly #attempt: Attempt<unknown>
  readonly #ms: number
  readonly #clock: Clock
  readonly #up: Observer

  constructor(attempt: Attempt<unknown>, ms: number, clock: Clock, up: Observer) {
    this.#attempt = attempt
    this.#ms = ms
    this.#clock = clock
    this.#up = up
  }

  sent(): void {
    this.#disarm = this.#clock.after(this.#ms, () => this.#fire())
    this.#up.sent?.()
  }

  head(outcome: Outcome): 'deliver' | 'discard' {
    this.#disarm?.()
    return this.#up.head(outcome)
  }

  end(outcome: Outcome): void {
    this.#disarm?.()
    this.#up.end(outcome)
  }

  #fire(): void {
    const { call, endpoint } = this.#attempt
    const service = call.target.service
    const error = stormError(
      'TULLE_TRY_TIMEOUT',
      `${service}: no head within ${this.#ms} ms after it was sent`,
      {
        layer: 'try-timeout',
        service,
        endpoint: endpoint?.id,
        phase: 'head',
      },
    )
    this.cancel({ kind: 'try-timeout', error })
  }
}
