import type { Logger } from '../core/ports.ts'
import type { CheckDocument } from './consul-check.ts'

/** Over this the event loop stalls, in milliseconds of delay. */
const STALL_MS = 250
/** How many looks in a row decide that it stalls, or no longer does: every change wakes all callers. */
const LOOKS = { stalling: 2, calm: 3 }

export interface Pulse {
  readonly status: CheckDocument['Status']
  /** For people, shown by Consul. */
  readonly output: string
}

export interface PulseOptions {
  /** How the process is, apart from its event loop. Default: passing. */
  readonly health?: (() => Pulse) | undefined
  /** How late the event loop was since the last look, in milliseconds: the worst, or a high percentile. Default: 0. */
  readonly loopDelay?: (() => number) | undefined
  readonly log: Logger
}

/**
 * What a process tells Consul about itself: what its health says, and `warning` instead of `passing` while its event loop
 * stalls: more than 250 ms late in two looks in a row, until it was not in three.
 */
export class PulseMeter {
  readonly #options: PulseOptions
  #stalling = false
  /** Looks in a row that speak against `#stalling`. */
  #against = 0
  #told: Pulse['status'] = 'passing'

  constructor(options: PulseOptions) {
    this.#options = options
  }

  /** Without a look at the event loop. */
  get current(): Pulse {
    const own = this.#options.health?.() ?? { status: 'passing', output: 'ready' }
    if (own.status !== 'passing' || !this.#stalling) return own
    return { status: 'warning', output: `the event loop stalls for more than ${STALL_MS} ms again and again` }
  }

  /** One look; tells the log where it changes the status. */
  take(): Pulse {
    const { loopDelay, log } = this.#options
    const stalled = (loopDelay?.() ?? 0) > STALL_MS
    this.#against = stalled === this.#stalling ? 0 : this.#against + 1
    if (this.#against >= (this.#stalling ? LOOKS.calm : LOOKS.stalling)) {
      this.#stalling = stalled
      this.#against = 0
    }
    const pulse = this.current
    if (pulse.status === this.#told) return pulse
    this.#told = pulse.status
    log[pulse.status === 'passing' ? 'info' : 'warn'](`tells Consul: ${pulse.status}, ${pulse.output}`)
    return pulse
  }
}
