import { MeshError } from '../../src/core/errors.ts'
import { isKey, type Store } from '../../src/plane/store.ts'
import { StoreWatches } from '../../src/plane/store-watches.ts'

/** A store that forgets, and that fails when told to. */
export class MemoryStore implements Store {
  readonly place = 'memory'
  readonly content: Map<string, Uint8Array>
  /** What the next writes and removals reject with; undefined: they succeed. */
  failure: Error | undefined
  readonly #watches: StoreWatches
  #closed = false

  constructor(content: Map<string, Uint8Array> = new Map(), watches = new StoreWatches()) {
    this.content = content
    this.#watches = watches
  }

  /** Another store on the same content, as another process would have. */
  another(): MemoryStore {
    return new MemoryStore(this.content, this.#watches)
  }

  async read(key: string): Promise<Uint8Array | undefined> {
    this.#check(key)
    return this.content.get(key)
  }

  async list(prefix: string): Promise<string[]> {
    this.#check('any')
    return [...this.content.keys()].filter((key) => key.startsWith(prefix)).sort()
  }

  async write(key: string, bytes: Uint8Array): Promise<void> {
    this.#check(key)
    if (this.failure !== undefined) throw this.failure
    this.content.set(key, Uint8Array.from(bytes))
    this.#watches.changed(key)
  }

  async create(key: string, bytes: Uint8Array, over?: string): Promise<boolean> {
    this.#check(key)
    if (this.failure !== undefined) throw this.failure
    if (this.content.has(key) || (over !== undefined && !this.content.has(over))) return false
    this.content.set(key, Uint8Array.from(bytes))
    this.#watches.changed(key)
    return true
  }

  async remove(key: string): Promise<void> {
    this.#check(key)
    if (this.failure !== undefined) throw this.failure
    if (this.content.delete(key)) this.#watches.changed(key)
  }

  watch(prefix: string, onChange: () => void): () => void {
    return this.#watches.add(prefix, () => {
      if (!this.#closed) onChange()
    })
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #check(key: string): void {
    if (this.#closed) throw new MeshError('TULLE_CLOSED', 'the store is closed')
    if (!isKey(key)) throw new TypeError(`not a key of the store: ${JSON.stringify(key)}`)
  }
}
