import type { Clock, Random } from '../core/ports.ts'

/** Between two looks at planes that were gone, ± a quarter. */
const PROBE_MS = 600
/** Over how long the processes of a mesh spread their questions once a plane is back. */
const SPREAD_MS = 500

export interface ReachableOptions {
  /** Whether any plane accepts a connection now. Must not reject. */
  readonly probe: () => Promise<boolean>
  readonly clock: Clock
  readonly random: Random
}

/**
 * Notices that planes which could not be reached are back, so that nobody waits out a long back-off.
 *
 * well -> (`lost`) looking; looking -> (a look fails) gone; gone -> (a look succeeds) telling -> looking;
 * any -> (`found`) well, which tells too where they were gone.
 * Only a look that failed before makes the next one news: what accepts connections and answers nothing, such as a load
 * balancer without a plane, is left to the back-offs. There are looks only while somebody listens.
 */
export class Reachable {
  readonly #options: ReachableOptions
  readonly #listeners = new Set<() => void>()
  /** Of this time of looking; undefined: all is well. */
  #looking: { gone: boolean } | undefined
  #disarm = (): void => {}

  constructor(options: ReachableOptions) {
    this.#options = options
  }

  onReachable(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size === 0) this.close()
    }
  }

  /** No plane could be connected to. */
  lost(): void {
    if (this.#looking !== undefined || this.#listeners.size === 0) return
    this.#looking = { gone: false }
    this.#lookLater(this.#looking)
  }

  /** A plane has answered. */
  found(): void {
    const gone = this.#looking?.gone === true
    this.close()
    if (gone) this.tell()
  }

  /** Whoever is backing off may ask again now. */
  tell(): void {
    for (const listener of [...this.#listeners]) listener()
  }

  close(): void {
    this.#disarm()
    this.#looking = undefined
  }

  #lookLater(own: { gone: boolean }): void {
    const { clock, random, probe } = this.#options
    this.#disarm = clock.background(PROBE_MS * (0.75 + 0.5 * random()), () => {
      void probe().then((there) => {
        if (this.#looking !== own) return
        if (there && own.gone) this.#tellSoon(own)
        else {
          own.gone ||= !there
          this.#lookLater(own)
        }
      })
    })
  }

  #tellSoon(own: { gone: boolean }): void {
    const { clock, random } = this.#options
    this.#disarm = clock.background(SPREAD_MS * random(), () => {
      own.gone = false
      this.#lookLater(own)
      this.tell()
    })
  }
}
