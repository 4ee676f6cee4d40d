import type { Logger } from '../core/ports.ts'

/** Certificates are backdated by five minutes, and their peers' clocks may be off too. */
const TOLERATED_MS = 60_000

/** Our clock against the one that the plane tells in its `Date` header, which counts whole seconds. */
export class ClockSkew {
  readonly #wall: () => number
  readonly #log: Logger
  #ms: number | undefined
  #warned = false

  constructor(wall: () => number, log: Logger) {
    this.#wall = wall
    this.#log = log
  }

  /** Positive where ours is ahead; undefined: nothing was heard. */
  get ms(): number | undefined {
    return this.#ms
  }

  /** Warns once, and again only after it was good in between. */
  note(date: unknown): void {
    // biome-ignore lint/style/noRestrictedGlobals: it reads what is written, and asks no clock
    const told = typeof date === 'string' ? Date.parse(date) : Number.NaN
    if (Number.isNaN(told)) return
    const ms = this.#wall() - told
    this.#ms = ms
    const bad = Math.abs(ms) > TOLERATED_MS
    if (bad && !this.#warned)
      this.#log.warn(
        `the clock of this machine is ${Math.round(Math.abs(ms) / 1000)} s ${ms > 0 ? 'ahead of' : 'behind'} the plane's: certificates will be taken for expired or not yet valid; set the clocks by NTP`,
        { skewMs: ms },
      )
    this.#warned = bad
  }
}
