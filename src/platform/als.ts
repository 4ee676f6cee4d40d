import { AsyncLocalStorage } from 'node:async_hooks'
import type { Ambient, AmbientStore } from '../core/ambient.ts'

/** The library's only AsyncLocalStorage (ARCHITECTURE 9). One per process even with two copies of the package. */
const KEY = Symbol.for('tulle.ambient.v1')
type Holder = { [KEY]?: AsyncLocalStorage<Ambient> }

const holder = globalThis as Holder
holder[KEY] ??= new AsyncLocalStorage<Ambient>()
const storage = holder[KEY]

export const ambientStore: AmbientStore = {
  get: () => storage.getStore(),
  run: (ambient, fn) => storage.run(ambient, fn),
}
