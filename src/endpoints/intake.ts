import type { EndpointSet } from '../core/endpoint.ts'
import type { Clock } from '../core/ports.ts'
import type { Reconciliation } from './reconcile.ts'

/** How long a set is worked on before others get their turn, in milliseconds, and after how many endpoints it looks. */
export const SLICE_MS = 2
export const LOOK_EVERY = 64

/**
 * Takes in one endpoint set after the other. One that is done within a slice, as all but the largest are, is in force
 * when `take` returns; what takes longer goes on in turns of the event loop, and is in force as a whole when it is
 * through, a few turns later. Of the sets that come meanwhile the newest is next: one that was begun is never given up,
 * or a source that changes its mind faster than that would be heard by nobody.
 *
 * idle -> (take) running -> (all looked through) commit -> idle, or running with what has come; stop -> idle.
 */
export class Intake {
  readonly #clock: Clock
  readonly #begin: (set: EndpointSet) => Reconciliation
  readonly #commit: (done: Reconciliation) => void
  #running: Reconciliation | undefined
  #next: EndpointSet | undefined
  #disarm = () => {}

  constructor(
    clock: Clock,
    begin: (set: EndpointSet) => Reconciliation,
    commit: (done: Reconciliation) => void,
  ) {
    this.#clock = clock
    this.#begin = begin
    this.#commit = commit
  }

  take(set: EndpointSet): void {
    if (this.#running === undefined && this.#next === undefined) this.#start(set)
    else this.#next = set
  }

  /** What is not in force yet never is. */
  stop(): void {
    this.#disarm()
    this.#running = undefined
    this.#next = undefined
  }

  #start(set: EndpointSet): void {
    const running = this.#begin(set)
    this.#running = running
    if (this.#work(running)) this.#finish(running)
  }

  /** True: it is through. Else it goes on by itself. */
  #work(running: Reconciliation): boolean {
    const sinceMs = this.#clock.now()
    while (!running.step(LOOK_EVERY)) {
      if (this.#clock.now() - sinceMs < SLICE_MS) continue
      this.#later(() => {
        // What took more than a slice is put in force in a turn of its own.
        if (this.#work(running)) this.#later(() => this.#finish(running))
      })
      return false
    }
    return true
  }

  #finish(done: Reconciliation): void {
    this.#running = undefined
    this.#commit(done)
    if (this.#next !== undefined) this.#later(() => this.#takeNext())
  }

  #takeNext(): void {
    const next = this.#next
    this.#next = undefined
    if (next !== undefined) this.#start(next)
  }

  #later(fn: () => void): void {
    this.#disarm = this.#clock.background(0, fn)
  }
}
