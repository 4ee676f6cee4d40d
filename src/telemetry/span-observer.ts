import { diag, type Span } from '@opentelemetry/api'
import type { Observer } from '../core/hop.ts'
import type { Outcome } from '../core/outcome.ts'
import { Watch } from './watch.ts'

/** Watches one call or attempt for a span, and ends the span with it. */
export abstract class SpanObserver extends Watch {
  protected readonly span: Span

  constructor(span: Span, observer: Observer) {
    super(observer)
    this.span = span
  }

  protected override ended(outcome: Outcome): void {
    try {
      this.describe(outcome)
      this.span.end()
    } catch (error) {
      processorFailed(error)
    }
  }

  protected abstract describe(outcome: Outcome): void
}

/** The span that `open` opens; undefined where it opens none, and where it throws. */
export function opened<U>(open: (unit: U) => Span | undefined, unit: U): Span | undefined {
  try {
    return open(unit)
  } catch (error) {
    processorFailed(error)
    return undefined
  }
}

/** Samplers and span processors are the application's code: when one throws, the call goes on without its span. */
export function processorFailed(error: unknown): void {
  diag.error('tulle: a sampler or span processor threw', error)
}
