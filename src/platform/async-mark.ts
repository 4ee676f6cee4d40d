import { AsyncLocalStorage } from 'node:async_hooks'
import type { AsyncMark } from '../core/ambient.ts'

/**
 * A store of its own, which is off again at the end. Up to Node 22 one store that is on makes every promise of the
 * process dearer, so the library's lasting one (`als.ts`) is not switched on for this: a process that only calls pays
 * nothing between two connections.
 */
class StoreMark implements AsyncMark {
  readonly #store = new AsyncLocalStorage<true>()
  #ended = false

  get here(): boolean {
    return !this.#ended && this.#store.getStore() === true
  }

  run(fn: () => void): void {
    this.#store.run(true, fn)
  }

  end(): void {
    this.#ended = true
    this.#store.disable()
  }
}

export const asyncMark = (): AsyncMark => new StoreMark()
