import type { Clock } from './ports.ts'

/** What a start waits for, and not for ever: somebody's first answer, or that there will be none. */
export class FirstAnswer {
  #end: (() => void) | undefined

  /**
   * Resolves when it is settled, after `ms` milliseconds, or when the signal fires; which of them it was, the caller sees.
   * @param begin asks; it may settle at once
   */
  wait(clock: Clock, ms: number, signal: AbortSignal, begin: () => void): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        disarm()
        signal.removeEventListener('abort', end)
        this.#end = undefined
        resolve()
      }
      const disarm = clock.after(ms, end)
      signal.addEventListener('abort', end)
      this.#end = end
      begin()
    })
  }

  /** Nothing where nobody waits. */
  settle(): void {
    this.#end?.()
  }
}
