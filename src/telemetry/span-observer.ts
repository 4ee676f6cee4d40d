import { diag, type Span } from '@opentelemetry/api'
import type { Observer } from '../core/hop.ts'
import type { Outcome } from '../core/outcome.ts'

/** Watches one call or attempt for a span, and ends the span with it. */
export abstract class SpanObserver implements Observer {
  protected readonly span: Span
  /** Of the head: a body that breaks off later has no status of its own. */
  protected status: number | undefined
  readonly #observer: Observer

  constructor(span: Span, observer: Observer) {
    this.span = span
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
    try {
      this.describe(outcome)
      this.span.end()
    } catch (error) {
      processorFailed(error)
    }
    this.#observer.end(outcome)
  }

  protected abstract describe(outcome: Outcome): void
}

/** Samplers and span processors are the application's code: when one throws, the call goes on without its span. */
export function processorFailed(error: unknown): void {
  diag.error('tulle: a sampler or span processor threw', error)
}
