import type { Observer } from '../core/hop.ts'
import type { Outcome } from '../core/outcome.ts'

/** A place inside something that counts who is inside; given back when the call has ended. */
export class Place implements Observer {
  readonly #room: { leave(): void }
  readonly #up: Observer

  constructor(room: { leave(): void }, up: Observer) {
    this.#room = room
    this.#up = up
  }

  sent(): void {
    this.#up.sent?.()
  }

  head(outcome: Outcome): 'deliver' | 'discard' {
    return this.#up.head(outcome)
  }

  end(outcome: Outcome): void {
    this.#up.end(outcome)
    this.#room.leave()
  }
}
