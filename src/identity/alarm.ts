import type { Clock } from '../core/ports.ts'

/** How often the wall clock is looked at: one that was wrong may be set right at any time. */
const STEP_MS = 60_000

/**
 * Runs `fn` once when the wall clock says `atMs`, or when as much monotonic time has gone by as was missing from it,
 * whichever comes first. A certificate's end is a matter of the wall clock, which may be set meanwhile, and a
 * machine that slept has a monotonic clock that did not see the time go by. Never in the tick that sets it.
 * @returns the disarm
 */
export function alarm(clock: Clock, wall: () => number, atMs: number, fn: () => void): () => void {
  const dueMs = clock.now() + Math.max(0, atMs - wall())
  let disarm = (): void => {}
  const wait = (): void => {
    const leftMs = Math.max(0, Math.min(dueMs - clock.now(), atMs - wall()))
    disarm = clock.background(Math.min(leftMs, STEP_MS), () => {
      if (clock.now() >= dueMs || wall() >= atMs) fn()
      else wait()
    })
  }
  wait()
  return () => disarm()
}
