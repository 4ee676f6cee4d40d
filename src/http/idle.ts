import type { Clock } from '../core/ports.ts'

/** How often the bodies in flight are looked at, and so how exact the limits are, in milliseconds. */
const TICK_MS = 1000

/** Between two chunks of an answer, where the caller asked for no time limit of its own. */
export const BODY_IDLE_TICKS = 60
/** On an answer without a natural end: 101, CONNECT, server-sent events (Envoy's stream idle timeout). */
export const STREAM_IDLE_TICKS = 300

/** A body under watch. The fields belong to the watch; the body sets `idleTicks` to 0 whenever a byte moves. */
export interface Watched {
  idleTicks: number
  idleLimit: number
  previous: Watched | undefined
  next: Watched | undefined
  /** True while its reader, not its peer, holds it up, and where bytes moved unseen since the last look. */
  excused(): boolean
  expire(): void
}

/**
 * One coarse timer for all answers that are being read. Being watched costs a few assignments per call and one per
 * chunk, and no clock is read: a timer per body would be set and cleared for every short answer.
 */
export class IdleWatch {
  readonly #clock: Clock
  #first: Watched | undefined
  #ticking = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(body: Watched, limitTicks: number): void {
    body.idleTicks = 0
    body.idleLimit = limitTicks
    body.next = this.#first
    if (this.#first !== undefined) this.#first.previous = body
    this.#first = body
    if (!this.#ticking) this.#arm()
  }

  /** Safe for a body that is not watched. */
  remove(body: Watched): void {
    if (body.idleLimit === 0) return
    body.idleLimit = 0
    if (body.previous === undefined) this.#first = body.next
    else body.previous.next = body.next
    if (body.next !== undefined) body.next.previous = body.previous
    body.previous = undefined
    body.next = undefined
  }

  #arm(): void {
    this.#ticking = true
    this.#clock.background(TICK_MS, this.#tick)
  }

  readonly #tick = (): void => {
    this.#ticking = false
    let body = this.#first
    while (body !== undefined) {
      const next: Watched | undefined = body.next
      if (body.idleLimit === 0) break // removed by the end of the one before; what follows is looked at a tick later
      if (body.excused()) body.idleTicks = 0
      else if (++body.idleTicks > body.idleLimit) body.expire()
      body = next
    }
    if (this.#first !== undefined && !this.#ticking) this.#arm()
  }
}
