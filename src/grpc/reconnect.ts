import type { Random } from '../core/ports.ts'

const FIRST_MS = 1000
/** Where there has been a connection: a host that was there a moment ago is most often being restarted. */
const FIRST_AGAIN_MS = 50
const FACTOR = 1.6
const MOST_MS = 120_000
const JITTER = 0.2

/**
 * How long to leave an endpoint alone after a connection to it could not be made: 1 s, 1.6 times as long after every
 * further failure, 120 s at most, ± 20 % (gRPC's doc/connection-backoff.md). One that had a connection before is asked
 * again after 50 ms, and is at 1 s seven failures later, so that endpoints that are restarted one after the other are not
 * all left alone at once. Counted from the failure, and never shorter than what it took: what a silent host costs is the
 * connect timeout, and that is not to be paid again at once.
 */
export class Reconnect {
  readonly #random: Random
  #nextMs = FIRST_MS

  constructor(random: Random) {
    this.#random = random
  }

  /**
   * A connection could not be made.
   * @param tookMs how long it took to find out
   * @returns how long to wait, in milliseconds
   */
  failed(tookMs = 0): number {
    const ms = Math.max(this.#nextMs, Math.min(tookMs, FIRST_MS))
    this.#nextMs = Math.min(ms * FACTOR, MOST_MS)
    return ms * (1 - JITTER + 2 * JITTER * this.#random())
  }

  /** A connection was made. */
  succeeded(): void {
    this.#nextMs = FIRST_AGAIN_MS
  }

  /** Nothing is known any more. */
  forget(): void {
    this.#nextMs = FIRST_MS
  }
}
