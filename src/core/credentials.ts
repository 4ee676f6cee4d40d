import type { MeshError } from './errors.ts'
import type { Identity } from './identity.ts'
import type { Clock } from './ports.ts'

/** How long an answer holds, in milliseconds. The wall clock may be set meanwhile. */
const HOLDS_MS = 1000

/** Whether calls can be made under our identity now; nearly always the answer is one comparison of numbers. */
export class Credentials {
  readonly #identity: Identity
  readonly #clock: Clock
  readonly #wall: () => number
  /** On the clock. */
  #soundUntilMs = Number.NEGATIVE_INFINITY

  constructor(identity: Identity, clock: Clock, wall: () => number) {
    this.#identity = identity
    this.#clock = clock
    this.#wall = wall
  }

  /**
   * @param nowMs `clock.now()` as the caller read it last
   * @returns why no call can be made: no certificate, or one that has expired
   */
  refusal(nowMs: number): MeshError | undefined {
    return nowMs < this.#soundUntilMs ? undefined : this.#look()
  }

  #look(): MeshError | undefined {
    const { current } = this.#identity
    const refused = this.#identity.refusal()
    const lifeMs = current === undefined ? 0 : current.notAfterMs - this.#wall()
    this.#soundUntilMs =
      refused === undefined ? this.#clock.now() + Math.min(HOLDS_MS, lifeMs) : Number.NEGATIVE_INFINITY
    return refused
  }
}
