import type { Clock } from '../core/ports.ts'

/** What a second look at an empty answer finds. */
export type SecondLook =
  /** There are instances after all; they have been taken. */
  | 'full'
  | 'empty'
  /** Empty, and a sign says that the token sees nothing at all. */
  | 'blind'

export interface EmptyHoldOptions {
  readonly clock: Clock
  /** Asks again, without waiting for a change. Rejects where that says nothing. */
  readonly look: () => Promise<SecondLook>
  /** So many answers over so much time say the same: it is so. */
  readonly onConfirmed: () => void
  /** Told at the beginning of each blindness. */
  readonly onBlind: () => void
}

/** An empty answer is believed when it is the third, the first of them being this old. */
const ANSWERS = 3
const OVER_MS = 5000
const EVERY_MS = OVER_MS / (ANSWERS - 1)
/** While the token sees nothing, the looks become this rare. */
const BLIND_MS = 30_000

/**
 * A lost ACL token answers `200 []` (SECURITY, fact 5), just as a service does whose last instance has gone. An empty
 * answer after one with instances is therefore held: asked again every 2.5 s, of the leader, and believed after three
 * in 5 s. As long as the token sees no service whatever, nothing is believed: the count begins anew when it sees one.
 *
 * off -> (empty) holding -> (third empty) confirmed, off; holding -> (instances) off; holding -> (blind) counting anew.
 */
export class EmptyHold {
  readonly #options: EmptyHoldOptions
  #held: { sinceMs: number; answers: number; delayMs: number; blind: boolean } | undefined
  #disarm = () => {}

  constructor(options: EmptyHoldOptions) {
    this.#options = options
  }

  get holding(): boolean {
    return this.#held !== undefined
  }

  /** Counts the answer that begins it as the first. */
  begin(): void {
    if (this.#held !== undefined) return
    this.#held = { sinceMs: this.#options.clock.now(), answers: 1, delayMs: EVERY_MS, blind: false }
    this.#schedule()
  }

  /** There are instances, or the question has changed, or nobody asks any longer. */
  end(): void {
    this.#disarm()
    this.#held = undefined
  }

  #schedule(): void {
    const held = this.#held
    if (held === undefined) return
    this.#disarm = this.#options.clock.background(held.delayMs, () => {
      this.#options.look().then(
        (found) => {
          if (this.#held === held) this.#found(found)
        },
        () => {
          if (this.#held === held) this.#schedule()
        },
      )
    })
  }

  #found(found: SecondLook): void {
    const held = this.#held
    if (held === undefined) return
    const now = this.#options.clock.now()
    if (found === 'full') {
      this.end()
      return
    }
    if (found === 'blind') {
      held.answers = 0
      held.delayMs = Math.min(BLIND_MS, held.delayMs * 2)
      if (!held.blind) this.#options.onBlind()
      held.blind = true
    } else {
      if (held.blind) Object.assign(held, { sinceMs: now, delayMs: EVERY_MS, blind: false })
      held.answers += 1
      if (held.answers >= ANSWERS && now - held.sinceMs >= OVER_MS) {
        this.end()
        this.#options.onConfirmed()
        return
      }
    }
    this.#schedule()
  }
}
