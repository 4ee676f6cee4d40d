import type { Random } from '../src/core/ports.ts'

/**
 * When calls are due, in milliseconds from the start: a Poisson process, planned before the first is sent. A call that
 * waits since its caller or its upstream was held up has waited from the moment it was due, so no stall hides the calls
 * it delayed (coordinated omission).
 * @param rate arrivals in a second
 */
export function planArrivals(rate: number, ms: number, random: Random): number[] {
  const due: number[] = []
  let at = 0
  for (;;) {
    at += (-Math.log(1 - random()) * 1000) / rate
    if (at >= ms) return due
    due.push(at)
  }
}
