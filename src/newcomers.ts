import type { Clock } from './core/ports.ts'
import type { Source } from './discovery/source.ts'

/** How long a call waits for a name that the registry may be about to tell, in milliseconds. */
const WAIT_MS = 1000
/** For how long a name that did not come is not waited for again: a misspelt one must not hold up every call. */
const FORGET_MS = 30_000
const MAX_NAMES = 1000

/**
 * Names that are called before they are known. Between the moment a service begins to listen and the moment everybody
 * has heard of it lie some tenths of a second, in which its name cannot be told from a misspelt one.
 */
export class Newcomers {
  readonly #source: Pick<Source, 'known' | 'onKnown' | 'seek'>
  readonly #clock: Clock
  /** When a name was last waited for in vain. */
  readonly #strangers = new Map<string, number>()

  constructor(source: Pick<Source, 'known' | 'onKnown' | 'seek'>, clock: Clock) {
    this.#source = source
    this.#clock = clock
  }

  /** Resolves when the name is known, or after a second; undefined: there is nothing to wait for. */
  wait(name: string): Promise<void> | undefined {
    const sinceMs = this.#clock.now() - (this.#strangers.get(name) ?? Number.NEGATIVE_INFINITY)
    if (this.#source.onKnown === undefined || sinceMs < FORGET_MS) return undefined
    return new Promise((resolve) => {
      const done = (): void => {
        stop()
        disarm()
        resolve()
      }
      const stop = (this.#source.onKnown as NonNullable<Source['onKnown']>)(() => {
        if (this.#source.known().includes(name)) done()
      })
      const disarm = this.#clock.after(WAIT_MS, () => {
        if (this.#strangers.size >= MAX_NAMES) this.#strangers.clear()
        this.#strangers.set(name, this.#clock.now())
        done()
      })
      this.#source.seek?.(name)
    })
  }
}
