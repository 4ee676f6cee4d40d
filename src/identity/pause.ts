import type { Clock } from '../core/ports.ts'

/** Resolves after `ms` milliseconds, keeping the process alive; rejects with the signal's reason when it fires. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const stop = (): void => {
      disarm()
      reject(signal.reason)
    }
    const disarm = clock.after(ms, () => {
      signal.removeEventListener('abort', stop)
      resolve()
    })
    signal.addEventListener('abort', stop, { once: true })
  })
}
