import type { Cancel, CancelReason, Hop, Observer } from '../core/hop.ts'

/**
 * The way down for layers that hold a call back: they have given their Cancel away before there is one below them.
 * A cancel that comes while the hop is being entered (a caller that leaves as it sees a head) is passed on as soon
 * as the hop has returned.
 */
export class Descent {
  #entered = false
  #below: Cancel | undefined
  #given: CancelReason | undefined

  /** Whether the call has gone down. */
  get entered(): boolean {
    return this.#entered
  }

  enter<U>(next: Hop<U>, unit: U, observer: Observer): void {
    this.#entered = true
    const below = next(unit, observer)
    this.#below = below
    if (this.#given !== undefined) below(this.#given)
  }

  cancel(reason: CancelReason): void {
    if (this.#below !== undefined) this.#below(reason)
    else this.#given ??= reason
  }
}
