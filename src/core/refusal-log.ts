import type { Clock, Logger } from './ports.ts'

/** One line of a kind in this long, in milliseconds; the rest is counted in the next one. */
const EVERY_MS = 10_000
/** Kinds told apart; strangers must not be able to make more. */
const MAX_KINDS = 64

interface Kind {
  nextMs: number
  unsaid: number
}

/** Warnings that strangers can cause, at a rate that strangers cannot. */
export class RefusalLog {
  readonly #kinds = new Map<string, Kind>()
  readonly #clock: Clock
  readonly #log: Logger

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock
    this.#log = log
  }

  warn(message: string, reason: string, fields: object): void {
    const now = this.#clock.now()
    const given = kindOf(reason)
    const key = this.#kinds.size < MAX_KINDS || this.#kinds.has(given) ? given : ''
    const kind = this.#kinds.get(key) ?? { nextMs: now, unsaid: 0 }
    this.#kinds.set(key, kind)
    if (now < kind.nextMs) {
      kind.unsaid++
      return
    }
    const more = kind.unsaid > 0 ? { unsaid: kind.unsaid } : {}
    kind.nextMs = now + EVERY_MS
    kind.unsaid = 0
    this.#log.warn(message, { reason, ...fields, ...more })
  }
}

/** A reason without what is each certificate's own: what is counted as one. */
export function kindOf(reason: string): string {
  return reason.replace(/\b[0-9A-F]{12,}\b/gi, '…')
}
