import type { Logger } from '../core/ports.ts'
import type { Audit, AuditEntry } from './audit.ts'

const RECENT = 1000

/** The audit log of a plane without a disk: entries of the process's log, which somebody else collects and keeps. */
export class AuditLines implements Audit {
  readonly #log: Logger
  readonly #mayNote: () => boolean
  readonly #recent: AuditEntry[] = []
  #dropped = 0

  constructor({ log, mayNote }: { readonly log: Logger; readonly mayNote: () => boolean }) {
    this.#log = log
    this.#mayNote = mayNote
  }

  async append(entry: AuditEntry): Promise<void> {
    this.#take(entry)
  }

  note(entry: AuditEntry): void {
    if (!this.#mayNote()) {
      this.#dropped++
      return
    }
    const unwritten = this.#dropped
    this.#dropped = 0
    this.#take(
      unwritten === 0
        ? entry
        : { ...entry, detail: `${unwritten} refusals before this one were too many; ${entry.detail ?? ''}` },
    )
  }

  recent(limit = 100): readonly AuditEntry[] {
    return this.#recent.slice(-Math.max(1, Math.min(limit, RECENT)))
  }

  async close(): Promise<void> {}

  #take(entry: AuditEntry): void {
    this.#recent.push(entry)
    if (this.#recent.length > RECENT * 2) this.#recent.splice(0, RECENT)
    // A warning, so that no usual level of logging leaves it out.
    this.#log.warn('audit', entry)
  }
}
