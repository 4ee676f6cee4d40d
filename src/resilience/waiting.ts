import { stormError } from '../core/errors.ts'
import type { Cancel } from '../core/hop.ts'
import type { Slot } from '../core/service.ts'

/**
 * The calls of one service that wait for something in this process: a first endpoint set, a place, the end of a
 * back-off. When the service goes away, by `mesh.close()` or because the policy dropped it, nothing they wait for
 * can come any more, so they end at once instead of at their deadlines.
 */
export class Waiting {
  readonly #calls = new Map<Cancel, string>()
  #closed = false

  /** True once the service is gone: nobody should begin to wait. */
  get closed(): boolean {
    return this.#closed
  }

  /** @param cancel the call's own, valid until `leave` */
  join(cancel: Cancel, service: string): void {
    this.#calls.set(cancel, service)
  }

  leave(cancel: Cancel): void {
    this.#calls.delete(cancel)
  }

  close(): void {
    this.#closed = true
    const calls = [...this.#calls]
    this.#calls.clear()
    // An error for each: what becomes of a call is written into its error.
    for (const [cancel, service] of calls)
      cancel({
        kind: 'closing',
        error: stormError('TULLE_CLOSED', `${service}: closed while the call waited`, {
          layer: 'mesh',
          service,
        }),
      })
  }
}

/** One per service, for all its routes and layers. */
export const waitingOf: Slot<Waiting> = {
  name: 'waiting',
  make: () => new Waiting(),
  drop: (waiting) => waiting.close(),
}
