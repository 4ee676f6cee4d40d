import type { Clock, Random } from '../core/ports.ts'
import { wordsOf } from '../core/words.ts'
import { alarm } from './alarm.ts'
import type { Problems } from './problems.ts'
import { renewalBackoffMs } from './renewal.ts'
import type { Svid } from './svid.ts'
import { spanOf } from './time-text.ts'

/** Of a leaf's life: Consul's agent fetches the next one between 60 and 90 % of it. */
const ASK_AT = 0.7
const ALARM_AT = 0.9
/** So many times it is asked between both, where it answers and has no other. */
const CALM_TRIES = 20

export interface LeafGuardOptions {
  readonly clock: Clock
  readonly wall: () => number
  readonly random: Random
  readonly problems: Problems
  /** Asks once, without blocking, and takes what comes, which is told to `watch`. */
  readonly ask: (signal: AbortSignal) => Promise<void>
}

/**
 * Does not leave our certificate to a query that may hang (FAULTS 37): past 70 % of its life the agent is asked beside
 * it, calmly while it may still be about to renew by itself, and with full jitter from 250 ms to a minute once that is
 * overdue or asking fails. That it is overdue is a problem, which health shows.
 *
 * resting -> (70 %, or our root gone) asking -> (another leaf) resting; asking -> (the same, an error) waiting -> asking.
 */
export class LeafGuard {
  readonly #options: LeafGuardOptions
  #leaf: Pick<Svid, 'notBeforeMs' | 'notAfterMs'> | undefined
  #failures = 0
  #unrooted = false
  #asking: AbortController | undefined
  #disarm = (): void => {}

  constructor(options: LeafGuardOptions) {
    this.#options = options
  }

  /** A leaf that is new. */
  watch(leaf: Pick<Svid, 'notBeforeMs' | 'notAfterMs'>): void {
    this.#leaf = leaf
    this.#failures = 0
    this.#unrooted = false
    this.#options.problems.clear('renewal')
    this.#arm(this.#dueMs())
  }

  /** Whether peers that believe what we believe accept the one we have: where not, this renewal does not wait. */
  rooted(is: boolean): void {
    if (this.#unrooted === is) this.#arm(is ? this.#dueMs() : this.#options.wall())
    this.#unrooted = !is
  }

  stop(): void {
    this.#disarm()
    this.#asking?.abort()
    this.#asking = undefined
  }

  #dueMs(): number {
    const { notBeforeMs, notAfterMs } = this.#leaf!
    return notBeforeMs + (notAfterMs - notBeforeMs) * ASK_AT
  }

  #arm(atMs: number): void {
    const { clock, wall } = this.#options
    this.#disarm()
    this.#disarm = alarm(clock, wall, atMs, () => this.#ask())
  }

  #ask(): void {
    if (this.#asking !== undefined) return
    const own = new AbortController()
    const asked = this.#leaf
    this.#asking = own
    const over = (error: unknown): void => {
      if (this.#asking !== own) return
      this.#asking = undefined
      if (this.#leaf === asked) this.#inVain(error)
    }
    this.#options.ask(own.signal).then(() => over(undefined), over)
  }

  #inVain(error: unknown): void {
    const { wall, random, problems } = this.#options
    const { notBeforeMs, notAfterMs } = this.#leaf!
    const nowMs = wall()
    const leftMs = notAfterMs - nowMs
    const overdue = nowMs >= notBeforeMs + (notAfterMs - notBeforeMs) * ALARM_AT
    if (overdue || this.#unrooted || error !== undefined) {
      this.#failures += 1
      const until = leftMs > 0 ? `ends in ${spanOf(leftMs)}` : `ended ${spanOf(-leftMs)} ago`
      const which = this.#unrooted ? 'leads to none of the roots' : until
      const why = error === undefined ? 'the agent has no other' : wordsOf(error)
      problems.set('renewal', `our certificate, which ${which}, was not renewed: ${why}`, why)
      this.#arm(nowMs + renewalBackoffMs(this.#failures, leftMs, random))
      return
    }
    problems.clear('renewal')
    const calmMs = ((notAfterMs - notBeforeMs) * (ALARM_AT - ASK_AT)) / CALM_TRIES
    this.#arm(nowMs + Math.max(1000, calmMs))
  }
}
