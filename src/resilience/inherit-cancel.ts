import type { Scope } from '../core/ambient.ts'
import type { Call } from '../core/call.ts'
import { type MeshError, stormError } from '../core/errors.ts'
import { type CallLayer, type Cancel, type Hop, NOTHING_TO_CANCEL, type Observer } from '../core/hop.ts'
import type { LayerModule, NoParams } from '../core/module.ts'
import { type Outcome, refusal } from '../core/outcome.ts'

/**
 * When the caller of the request being handled goes away, the calls made on its behalf go too (ARCHITECTURE 9).
 * `Route.cancel` says which: `all`; `safe`, those that change nothing: GET, HEAD, OPTIONS and what the route calls
 * idempotent; `none`. Where it does not say, the call's own default counts: `all` between gRPC services, as gRPC has
 * it, else `safe`. What is left behind after a finished response runs on.
 *
 * Ends a call with TULLE_CANCELLED.
 */
export const inheritCancel: LayerModule<NoParams, CallLayer> = {
  role: 'cancel',
  layer: () => cancelLayer,
}

const cancelLayer: CallLayer =
  <W>(next: Hop<Call<W>>): Hop<Call<W>> =>
  (call, observer) => {
    const { scope } = call.ambient
    if (scope === undefined || scope.finished || !dies(call)) return next(call, observer)
    if (scope.cancelled) {
      observer.end(refusal(gone(call)))
      return NOTHING_TO_CANCEL
    }
    return new Bond(call, scope, observer).enter(next)
  }

function dies(call: Call<unknown>): boolean {
  const { cancel = call.cancel ?? 'safe', idempotent } = call.route
  if (cancel !== 'safe') return cancel === 'all'
  return idempotent || call.method === 'GET' || call.method === 'HEAD' || call.method === 'OPTIONS'
}

/** Ties one call to the life of the request it serves. */
class Bond<W> implements Observer {
  readonly #call: Call<W>
  readonly #up: Observer
  readonly #untie: () => void
  #cancel: Cancel = NOTHING_TO_CANCEL

  constructor(call: Call<W>, scope: Scope, up: Observer) {
    this.#call = call
    this.#up = up
    this.#untie = scope.onCancel(() => this.#cancel({ kind: 'caller', error: gone(call) }))
  }

  enter(next: Hop<Call<W>>): Cancel {
    this.#cancel = next(this.#call, this)
    return this.#cancel
  }

  sent(): void {
    this.#up.sent?.()
  }

  head(outcome: Outcome): 'deliver' | 'discard' {
    return this.#up.head(outcome)
  }

  end(outcome: Outcome): void {
    this.#untie()
    this.#up.end(outcome)
  }
}

function gone(call: Call<unknown>): MeshError {
  const { service } = call.target
  return stormError('TULLE_CANCELLED', `${service}: the caller of the request being handled went away`, {
    layer: 'cancel',
    service,
  })
}
