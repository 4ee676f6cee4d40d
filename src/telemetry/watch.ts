import type { Observer } from '../core/hop.ts'
import type { Outcome } from '../core/outcome.ts'

/** Lets everything pass and looks at the end of it: what the observers of this room have in common. */
export abstract class Watch implements Observer {
  /** Of the head: a body that breaks off later has no status of its own. */
  protected status: number | undefined
  readonly #observer: Observer

  constructor(observer: Observer) {
    this.#observer = observer
  }

  sent(): void {
    this.#observer.sent?.()
  }

  head(outcome: Outcome): 'deliver' | 'discard' {
    this.status = outcome.code
    return this.#observer.head(outcome)
  }

  end(outcome: Outcome): void {
    this.ended(outcome)
    this.#observer.end(outcome)
  }

  protected abstract ended(outcome: Outcome): void
}
