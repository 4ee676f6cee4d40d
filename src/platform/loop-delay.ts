import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

const RESOLUTION_MS = 20

/** How late the event loop is, as a timer of 20 ms sees it. Keeps no process alive. */
export class LoopDelay {
  #histogram: IntervalHistogram | undefined

  start(): void {
    this.#histogram ??= monitorEventLoopDelay({ resolution: RESOLUTION_MS })
    this.#histogram.enable()
  }

  /** The 99th percentile since the last question, in milliseconds; 0 before `start`. */
  takeMs(): number {
    const histogram = this.#histogram
    if (histogram === undefined) return 0
    const late = histogram.count === 0 ? 0 : histogram.percentile(99) / 1e6
    histogram.reset()
    return Math.max(0, late - RESOLUTION_MS)
  }

  stop(): void {
    this.#histogram?.disable()
  }
}
