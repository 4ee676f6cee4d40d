import type { Random } from '../core/ports.ts'

const FIRST_MS = 1000
const FACTOR = 1.6
const MOST_MS = 120_000
const JITTER = 0.2

/**
 * How long to leave an endpoint alone after a connection to it could not be made: 1 s, 1.6 times as long after every
 * further failure, 120 s at most, ± 20 % (gRPC's doc/connection-backoff.md). Counted from the failure: what a silent
 * host costs is the connect timeout, and that is not to be paid again at once.
 */
export class Reconnect {
  readonly #random: Random
  #nextMs = FIRST_MS

  constructor(random: Random) {
    this.#random = random
  }

  /** A connection could not be made. @returns how long to wait, in milliseconds */
  failed(): number {
    const ms = this.#nextMs
    this.#nextMs = Math.min(ms * FACTOR, MOST_MS)
    return ms * (1 - JITTER + 2 * JITTER * this.#random())
  }

  /** A connection was made. */
  succeeded(): void {
    this.#nextMs = FIRST_MS
  }
}
