/** Who wants to hear of which keys, of a store that nobody else writes to. */
export class StoreWatches {
  readonly #watches = new Set<{ readonly prefix: string; readonly onChange: () => void }>()

  /** @returns the removal */
  add(prefix: string, onChange: () => void): () => void {
    const watch = { prefix, onChange }
    this.#watches.add(watch)
    return () => this.#watches.delete(watch)
  }

  changed(key: string): void {
    for (const { prefix, onChange } of [...this.#watches]) if (key.startsWith(prefix)) onChange()
  }

  clear(): void {
    this.#watches.clear()
  }
}
