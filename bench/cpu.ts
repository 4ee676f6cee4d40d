/**
 * Processor time from Linux's `/proc`, for any process and for its main thread alone. `schedstat` counts nanoseconds on a core
 * (Documentation/scheduler/sched-stats.rst); it is exact for a process that sleeps at the moment it is read, as all do
 * between two windows.
 */
import { readdirSync, readFileSync } from 'node:fs'

/** Microseconds on a core, from the text of a `schedstat`. */
export function onCoreUs(schedstat: string): number {
  const ns = Number(schedstat.slice(0, schedstat.indexOf(' ')))
  if (!Number.isFinite(ns) || schedstat.indexOf(' ') < 0)
    throw new Error(`this is no schedstat: ${JSON.stringify(schedstat.slice(0, 40))}`)
  return ns / 1000
}

export function mainThreadUs(pid: number): number {
  return onCoreUs(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8'))
}

/** All threads that live. */
export function processUs(pid: number): number {
  let sum = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      sum += onCoreUs(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8'))
    } catch (error) {
      // A thread may end between the two looks.
      if (!['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    }
  }
  return sum
}
