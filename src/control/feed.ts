import type { Part } from '../core/ports.ts'
import type { PolicyDocument } from '../policy/document.ts'
import type { Problem } from '../policy/problem.ts'

/** What a feed knows at one moment. */
export interface PolicyUpdate {
  /** Identifies what is in force: the same for the same documents. */
  readonly version: string
  /** Consistent with each other; of a refused document its last good form, where it has one. */
  readonly documents: readonly PolicyDocument[]
  /** What was refused, and is not in force. */
  readonly problems: readonly Problem[]
}

/**
 * Where policy comes from. `start` resolves with the first update known and rejects with TULLE_POLICY where there is
 * none to begin with; after that nothing a feed meets takes a good policy away.
 */
export interface PolicyFeed extends Part {
  /** Undefined until started. */
  readonly current: PolicyUpdate | undefined
  /**
   * Calls back after every change of documents or of problems, the first update not included. Returns the
   * removal. A listener must not throw.
   */
  onUpdate(listener: (update: PolicyUpdate) => void): () => void
}
