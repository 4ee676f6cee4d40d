import type { Clock } from '../core/ports.ts'

interface Watcher {
  readonly topics: readonly string[]
  readonly wake: () => void
}

/** Everybody who waits for a change, by what they wait for. Woken in batches, so that a burst of changes costs one answer each. */
export class Watchers {
  readonly #clock: Clock
  readonly #settleMs: number
  readonly #byTopic = new Map<string, Set<Watcher>>()
  readonly #dirty = new Set<string>()
  #disarm: (() => void) | undefined

  /** @param settleMs how long changes are gathered before anybody is woken, in milliseconds; 0: not at all */
  constructor(clock: Clock, settleMs: number) {
    this.#clock = clock
    this.#settleMs = settleMs
  }

  /** Waits in force, counted once per topic. */
  get size(): number {
    let size = 0
    for (const watchers of this.#byTopic.values()) size += watchers.size
    return size
  }

  /** `wake` is called at most once. @returns the removal */
  add(topics: readonly string[], wake: () => void): () => void {
    const watcher: Watcher = { topics, wake }
    for (const topic of topics) {
      const watchers = this.#byTopic.get(topic)
      if (watchers === undefined) this.#byTopic.set(topic, new Set([watcher]))
      else watchers.add(watcher)
    }
    return () => this.#remove(watcher)
  }

  changed(topic: string): void {
    this.#dirty.add(topic)
    if (this.#settleMs === 0) this.#flush()
    else this.#disarm ??= this.#clock.background(this.#settleMs, () => this.#flush())
  }

  /** Wakes everybody, for the end. */
  close(): void {
    for (const topic of this.#byTopic.keys()) this.#dirty.add(topic)
    this.#flush()
  }

  #flush(): void {
    this.#disarm?.()
    this.#disarm = undefined
    const woken = new Set<Watcher>()
    for (const topic of this.#dirty) for (const watcher of this.#byTopic.get(topic) ?? []) woken.add(watcher)
    this.#dirty.clear()
    for (const watcher of woken) {
      this.#remove(watcher)
      watcher.wake()
    }
  }

  #remove(watcher: Watcher): void {
    for (const topic of watcher.topics) {
      const watchers = this.#byTopic.get(topic)
      watchers?.delete(watcher)
      if (watchers?.size === 0) this.#byTopic.delete(topic)
    }
  }
}
