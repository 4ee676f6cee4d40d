import type { Call } from '../core/call.ts'
import { stormError } from '../core/errors.ts'
import { type CallLayer, type Hop, NOTHING_TO_CANCEL } from '../core/hop.ts'
import { refusal } from '../core/outcome.ts'
import { Place } from './place.ts'

/** The door of a server: counts what is in flight, and refuses once a drain has run out of patience. */
export interface Gate {
  readonly layer: CallLayer
  readonly inFlight: number
  /** From now on every request ends with TULLE_DRAINING; those inside finish. */
  refuse(): void
  /** Runs `fn` once as soon as nothing is in flight, at once if nothing is. Returns the removal, safe to call twice. */
  onIdle(fn: () => void): () => void
}

export function createGate(): Gate {
  return new Door()
}

class Door implements Gate {
  inFlight = 0
  #refusing = false
  readonly #waiting = new Set<() => void>()

  readonly layer: CallLayer =
    <W>(next: Hop<Call<W>>): Hop<Call<W>> =>
    (call, observer) => {
      if (this.#refusing) {
        const error = stormError('TULLE_DRAINING', 'this instance is shutting down', { layer: 'gate' })
        observer.end(refusal(error))
        return NOTHING_TO_CANCEL
      }
      this.inFlight++
      return next(call, new Place(this, observer))
    }

  refuse(): void {
    this.#refusing = true
  }

  onIdle(fn: () => void): () => void {
    if (this.inFlight > 0) this.#waiting.add(fn)
    else fn()
    return () => {
      this.#waiting.delete(fn)
    }
  }

  leave(): void {
    if (--this.inFlight > 0 || this.#waiting.size === 0) return
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const fn of waiting) fn()
  }
}
