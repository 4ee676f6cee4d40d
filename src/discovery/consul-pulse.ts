import type { Logger } from '../core/ports.ts'
import type { CheckDocument } from './consul-check.ts'

/** Over this the event loop counts as stalling, in milliseconds of delay at the 99th percentile. */
const STALL_MS = 250
/** How many looks in a row must be calm before it counts as recovered: every change wakes all callers. */
const CALM = 3

export interface Pulse {
  readonly status: CheckDocument['Status']
  /** For people, shown by Consul. */
  readonly output: string
}

export interface PulseOptions {
  /** How the process is, apart from its event loop. Default: passing. */
  readonly health?: (() => Pulse) | undefined
  /** The event loop's delay since the last look, in milliseconds at the 99th percentile. Default: 0. */
  readonly loopDelay?: (() => number) | undefined
  readonly log: Logger
}

/** What a process tells Consul about itself: `warning` while its event loop stalls, else what its health says. */
export class PulseMeter {
  readonly #options: PulseOptions
  #calm = CALM
  #told: Pulse['status'] = 'passing'

  constructor(options: PulseOptions) {
    this.#options = options
  }

  take(): Pulse {
    const pulse = this.#feel()
    if (pulse.status !== this.#told) this.#tell(pulse)
    return pulse
  }

  #feel(): Pulse {
    const { health, loopDelay } = this.#options
    const delayMs = loopDelay?.() ?? 0
    this.#calm = delayMs > STALL_MS ? 0 : this.#calm + 1
    const own = health?.() ?? { status: 'passing', output: 'ready' }
    if (own.status !== 'passing' || this.#calm >= CALM) return own
    return {
      status: 'warning',
      output: `the event loop stalls: more than ${STALL_MS} ms at the 99th percentile`,
    }
  }

  #tell({ status, output }: Pulse): void {
    const { log } = this.#options
    this.#told = status
    const line = `tells Consul that it is ${status}: ${output}`
    if (status === 'passing') log.info(line)
    else log.warn(line)
  }
}
