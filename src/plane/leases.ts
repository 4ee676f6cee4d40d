import type { Clock } from '../core/ports.ts'

export interface LeasesOptions {
  readonly clock: Clock
  /** Milliseconds. */
  readonly ttlMs: number
  /** A lease is over; it is forgotten already. Must not throw. */
  readonly onLapse: (name: string) => void
}

/** How many heartbeats a second the plane is content with; beyond that leases grow, as Nomad's do. */
const BEATS_PER_SECOND = 500
/** A client beats three times a lease. */
const BEATS_PER_LEASE = 3
/** A lease may grow to this many times its length: somebody who was told the longest still beats in time for the shortest. */
const MAX_GROWTH = 2

/**
 * Who has been heard of within the TTL. All leases last equally long, so the map's own order, last heard of last, is the
 * order in which they end, and one timer is enough.
 *
 * Where that timer comes late by half a TTL, it was this process that slept (a paused machine, a blocked loop), and
 * everybody gets a new TTL.
 */
export class Leases {
  readonly #clock: Clock
  readonly #ttlMs: number
  readonly #onLapse: (name: string) => void
  /** When each was heard of last. */
  readonly #heard = new Map<string, number>()
  #disarm: (() => void) | undefined

  constructor({ clock, ttlMs, onLapse }: LeasesOptions) {
    this.#clock = clock
    this.#ttlMs = ttlMs
    this.#onLapse = onLapse
  }

  /** How long a lease is now, in milliseconds: from 1,667 instances on it grows, up to twice its length. */
  get ttlMs(): number {
    const affordable = (this.#heard.size * BEATS_PER_LEASE * 1000) / BEATS_PER_SECOND
    return Math.min(MAX_GROWTH * this.#ttlMs, Math.max(this.#ttlMs, Math.round(affordable)))
  }

  renew(name: string): void {
    this.#heard.delete(name)
    this.#heard.set(name, this.#clock.now())
    if (this.#disarm === undefined) this.#arm(this.ttlMs)
  }

  drop(name: string): void {
    this.#heard.delete(name)
  }

  close(): void {
    this.#disarm?.()
    this.#disarm = undefined
    this.#heard.clear()
  }

  #arm(ms: number): void {
    const dueMs = this.#clock.now() + ms
    this.#disarm = this.#clock.background(ms, () => {
      this.#disarm = undefined
      this.#expire(this.#clock.now() - dueMs > this.#ttlMs / 2)
    })
  }

  #expire(slept: boolean): void {
    const now = this.#clock.now()
    const { ttlMs } = this
    if (slept) for (const name of [...this.#heard.keys()]) this.#heard.set(name, now)
    for (const [name, heardMs] of this.#heard) {
      const leftMs = heardMs + ttlMs - now
      if (leftMs > 0) {
        // At most a hundred looks per TTL, however many leases there are.
        this.#arm(Math.max(leftMs, ttlMs / 100))
        return
      }
      this.#heard.delete(name)
      this.#onLapse(name)
    }
  }
}
