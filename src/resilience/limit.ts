import type { Call } from '../core/call.ts'
import { cancelled } from '../core/cancel.ts'
import { type MeshError, stormError } from '../core/errors.ts'
import { type CallLayer, type Cancel, type Hop, NOTHING_TO_CANCEL, type Observer } from '../core/hop.ts'
import type { LayerModule } from '../core/module.ts'
import { refusal } from '../core/outcome.ts'
import type { PolicyPiece } from '../core/piece.ts'
import type { ServiceState } from '../core/service.ts'
import { fields, orFalse, wholeNumber } from '../core/units.ts'
import { Descent } from './descent.ts'
import { Place } from './place.ts'
import { type LimitParams, type Turnstile, turnstileOf, UNLIMITED, type Waiter } from './turnstile.ts'
import { type Waiting, waitingOf } from './waiting.ts'

export type { LimitParams } from './turnstile.ts'

export const limitSchema = orFalse(
  fields({ inFlight: wholeNumber(1, 1_000_000), queue: wholeNumber(0, 1_000_000) }).partial(),
  'an object with inFlight and queue',
).meta({ description: 'How many calls may be in flight, and how many wait, per client process' })

/** `limit`: how many calls to a service one client process has under way, and how many may wait for a place. */
export const limitPiece: PolicyPiece<LimitParams | false> = {
  key: 'limit',
  scope: 'service',
  schema: limitSchema,
  defaults: { inFlight: 1024, queue: 10_000 },
}

/**
 * A bound on what one process asks of one service (Envoy's max_requests, Linkerd's queue; SEMANTICS 2.5). A
 * place is held until the call has ended, its body included. Calls past `inFlight` wait, first come first served;
 * one that runs out of time leaves the line, cancelled by the deadline above. Past `queue` a call ends at once with
 * TULLE_OVERLOADED.
 */
export const limit: LayerModule<LimitParams | false, CallLayer> = {
  role: 'limit',
  piece: limitPiece,
  layer: (params, { service }) => (params === false ? undefined : limitLayer(params, service)),
  reconcile: (params, service) => service.slot(turnstileOf).adopt(params === false ? UNLIMITED : params),
}

function limitLayer(params: LimitParams, service: ServiceState): CallLayer {
  const turnstile = service.slot(turnstileOf)
  const waiting = service.slot(waitingOf)
  turnstile.begin(params)
  return <W>(next: Hop<Call<W>>): Hop<Call<W>> =>
    (call, observer) => {
      if (turnstile.enter()) return next(call, new Place(turnstile, observer))
      if (turnstile.full) {
        observer.end(refusal(overloaded(service.name, params)))
        return NOTHING_TO_CANCEL
      }
      return new InLine(turnstile, waiting, call, next, observer).cancel
    }
}

class InLine<W> implements Waiter {
  ahead: Waiter | undefined
  behind: Waiter | undefined
  readonly #turnstile: Turnstile
  readonly #waiting: Waiting
  readonly #call: Call<W>
  readonly #next: Hop<Call<W>>
  readonly #up: Observer
  readonly #way = new Descent()
  #gone = false

  constructor(turnstile: Turnstile, waiting: Waiting, call: Call<W>, next: Hop<Call<W>>, up: Observer) {
    this.#turnstile = turnstile
    this.#waiting = waiting
    this.#call = call
    this.#next = next
    this.#up = up
    turnstile.join(this)
    waiting.join(this.cancel, call.target.service)
  }

  admit(): void {
    this.#waiting.leave(this.cancel)
    this.#way.enter(this.#next, this.#call, new Place(this.#turnstile, this.#up))
  }

  readonly cancel: Cancel = (reason) => {
    if (this.#way.entered) return this.#way.cancel(reason)
    if (this.#gone) return
    this.#gone = true
    this.#turnstile.quit(this)
    this.#waiting.leave(this.cancel)
    this.#up.end(cancelled(reason, NO_CHANCE, 0, false, 'queue'))
  }
}

/** In the line no peer had a chance, so a passed deadline is charged to none. */
const NO_CHANCE = { startedMs: 0, fairMs: Number.POSITIVE_INFINITY }

function overloaded(service: string, { inFlight, queue }: LimitParams): MeshError {
  return stormError(
    'TULLE_OVERLOADED',
    `${service}: ${inFlight} calls in flight and ${queue} waiting in this process`,
    {
      layer: 'limit',
      service,
    },
  )
}
