import type { Random } from '../../src/core/ports.ts'
import type { EventClock } from '../../test/kit/event-clock.ts'
import type { Sharing } from '../../test/kit/simulation.ts'

interface Job {
  /** How much each request in progress must have got for this one to be done, in milliseconds of a slot. */
  readonly at: number
  readonly done: () => void
  over: boolean
}

/** From one moment on a server has so much of its nominal speed, for so long. */
export type Speed = (random: Random) => { readonly factor: number; readonly forMs: number }

/**
 * Slots that all requests in progress share equally where they are more than the slots, at a speed that changes. All
 * requests in progress get the same, so one sum of it says who is done.
 */
export class SharedSlots implements Sharing {
  readonly #slots: number
  readonly #demandMs: (random: Random) => number
  readonly #speed: Speed
  #jobs: Job[] = []
  #given = 0
  #givenAtMs = 0
  #factor = 0
  #disarm: () => void = () => {}

  constructor(slots: number, demandMs: (random: Random) => number, speed: Speed) {
    this.#slots = slots
    this.#demandMs = demandMs
    this.#speed = speed
  }

  serve(clock: EventClock, random: Random, done: () => void): () => void {
    if (this.#factor === 0) this.#change(clock, random)
    this.#advance(clock.now())
    const job: Job = { at: this.#given + this.#demandMs(random), done, over: false }
    this.#jobs.push(job)
    this.#arm(clock)
    return () => {
      if (job.over) return
      this.#advance(clock.now())
      this.#end(job)
      this.#arm(clock)
    }
  }

  #change(clock: EventClock, random: Random): void {
    this.#advance(clock.now())
    const { factor, forMs } = this.#speed(random)
    this.#factor = factor
    clock.after(forMs, () => {
      // A server that nobody asks any more draws again when it is asked: a simulation comes to its end.
      if (this.#jobs.length === 0) this.#factor = 0
      else this.#change(clock, random)
    })
    this.#arm(clock)
  }

  /** What each request in progress gets of one millisecond. */
  get #share(): number {
    return this.#factor * Math.min(1, this.#slots / Math.max(1, this.#jobs.length))
  }

  #advance(nowMs: number): void {
    this.#given += (nowMs - this.#givenAtMs) * this.#share
    this.#givenAtMs = nowMs
  }

  #end(job: Job): void {
    job.over = true
    this.#jobs = this.#jobs.filter((other) => other !== job)
  }

  #arm(clock: EventClock): void {
    this.#disarm()
    let first: Job | undefined
    for (const job of this.#jobs) if (first === undefined || job.at < first.at) first = job
    if (first === undefined) return
    const next = first
    this.#disarm = clock.after((next.at - this.#given) / this.#share, () => {
      this.#advance(clock.now())
      this.#end(next)
      this.#arm(clock)
      next.done()
    })
  }
}
