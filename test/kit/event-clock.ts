import type { Clock } from '../../src/core/ports.ts'

interface Timer {
  readonly at: number
  readonly order: number
  fn: (() => void) | undefined
}

const before = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

/**
 * Virtual time for simulations of millions of events: a ManualClock on a binary heap. Timers of one moment fire in the
 * order they were set.
 */
export class EventClock implements Clock {
  #now = 0
  #order = 0
  readonly #heap: Timer[] = []

  now(): number {
    return this.#now
  }

  after(ms: number, fn: () => void): () => void {
    const timer: Timer = { at: this.#now + Math.max(0, ms), order: this.#order++, fn }
    this.#push(timer)
    return () => {
      timer.fn = undefined
    }
  }

  background(ms: number, fn: () => void): () => void {
    return this.after(ms, fn)
  }

  /** Fires what comes due until `endMs`, and leaves time there. */
  runUntil(endMs: number): void {
    for (let timer = this.#heap[0]; timer !== undefined && timer.at <= endMs; timer = this.#heap[0]) {
      this.#pop()
      this.#now = timer.at
      timer.fn?.()
    }
    this.#now = endMs
  }

  #push(timer: Timer): void {
    const heap = this.#heap
    let slot = heap.push(timer) - 1
    while (slot > 0) {
      const parent = (slot - 1) >> 1
      if (!before(timer, heap[parent]!)) break
      heap[slot] = heap[parent]!
      slot = parent
    }
    heap[slot] = timer
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let slot = 0
    for (;;) {
      let child = 2 * slot + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, last)) break
      heap[slot] = heap[child]!
      slot = child
    }
    heap[slot] = last
  }
}
