import type { Clock } from '../core/ports.ts'

/** Node fires longer timers at once; a peer may say that it waits for years. In milliseconds, 24 days. */
const LONGEST_MS = 2 ** 31 - 1

/** Real monotonic time. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, Math.min(ms, LONGEST_MS))
    return () => clearTimeout(timer)
  },
  background(ms, fn) {
    const timer = setTimeout(fn, Math.min(ms, LONGEST_MS))
    timer.unref()
    return () => clearTimeout(timer)
  },
}

export const systemWall = (): number => Date.now()
