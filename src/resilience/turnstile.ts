import type { Slot } from '../core/service.ts'

export interface LimitParams {
  readonly inFlight: number
  readonly queue: number
}

export const UNLIMITED: LimitParams = { inFlight: Number.POSITIVE_INFINITY, queue: 0 }

/** One who stands in line. The links belong to the turnstile. */
export interface Waiter {
  ahead: Waiter | undefined
  behind: Waiter | undefined
  /** Its turn: it holds a place from now on. */
  admit(): void
}

/**
 * Counts who is inside and keeps the line, first come first served. Joining, leaving from the middle and admitting
 * are O(1), so a full queue of calls that run out of time costs nothing more than a short one.
 */
export class Turnstile {
  #bounds = UNLIMITED
  #inside = 0
  #waiting = 0
  #first: Waiter | undefined
  #last: Waiter | undefined
  #admitting = false

  get inside(): number {
    return this.#inside
  }

  get waiting(): number {
    return this.#waiting
  }

  get full(): boolean {
    return this.#waiting >= this.#bounds.queue
  }

  /** The first bounds; later ones come by `adopt`. */
  begin(bounds: LimitParams): void {
    if (this.#bounds === UNLIMITED) this.#bounds = bounds
  }

  /** New bounds: whoever fits now is let in; nobody inside is thrown out. */
  adopt(bounds: LimitParams): void {
    this.#bounds = bounds
    this.#admit()
  }

  /** Takes a place if one is free and nobody is ahead. Every place taken is given back with `leave`. */
  enter(): boolean {
    if (this.#waiting > 0 || this.#inside >= this.#bounds.inFlight) return false
    this.#inside++
    return true
  }

  leave(): void {
    this.#inside--
    this.#admit()
  }

  join(waiter: Waiter): void {
    waiter.ahead = this.#last
    if (this.#last === undefined) this.#first = waiter
    else this.#last.behind = waiter
    this.#last = waiter
    this.#waiting++
  }

  /** Leaves the line without having been admitted. */
  quit(waiter: Waiter): void {
    if (waiter.ahead === undefined) this.#first = waiter.behind
    else waiter.ahead.behind = waiter.behind
    if (waiter.behind === undefined) this.#last = waiter.ahead
    else waiter.behind.ahead = waiter.ahead
    waiter.ahead = undefined
    waiter.behind = undefined
    this.#waiting--
  }

  /** An admitted call may end, and leave, before `admit` returns: the loop that is running already sees to it. */
  #admit(): void {
    if (this.#admitting) return
    this.#admitting = true
    while (this.#first !== undefined && this.#inside < this.#bounds.inFlight) {
      const waiter = this.#first
      this.quit(waiter)
      this.#inside++
      waiter.admit()
    }
    this.#admitting = false
  }
}

/** One per service, for all its routes and protocols; outlives policies. */
export const turnstileOf: Slot<Turnstile> = { name: 'limit', make: () => new Turnstile() }
