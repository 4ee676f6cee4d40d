import type { Random } from '../core/ports.ts'

/** Stands in for an endless period: never due beside one that has a weight, and still a number to add to. */
const NEVER = 1e15

/**
 * Earliest deadline first over weights: index i comes up every 1/weight turns, evenly spread rather than in bursts
 * (Envoy's `edf_scheduler`, SEMANTICS 2.11). A binary heap of deadlines, O(log n) a turn. The first deadlines are
 * drawn at random, so that many clients do not start at the same endpoint.
 */
export class Schedule {
  readonly #heap: Uint32Array
  readonly #deadline: Float64Array
  readonly #period: Float64Array
  #size = 0

  constructor(weights: readonly number[], random: Random) {
    const { length } = weights
    this.#heap = new Uint32Array(length)
    this.#period = new Float64Array(length)
    this.#deadline = new Float64Array(length)
    for (let index = 0; index < length; index++) {
      const weight = weights[index] as number
      const period = weight > 0 ? Math.min(1 / weight, NEVER) : NEVER
      this.#period[index] = period
      this.#deadline[index] = period * (period === NEVER ? 1 : random())
    }
    for (let index = 0; index < length; index++) this.#push(index)
  }

  /** The next index that is not to be skipped; those skipped keep their turn. Where all are: the next one anyway. */
  next(skip: (index: number) => boolean): number {
    const skipped: number[] = []
    let found = -1
    while (found === -1 && this.#size > 0) {
      const index = this.#pop()
      if (skip(index)) skipped.push(index)
      else found = index
    }
    if (found === -1) found = skipped.shift() as number
    this.#deadline[found] = (this.#deadline[found] as number) + (this.#period[found] as number)
    this.#push(found)
    for (const index of skipped) this.#push(index)
    return found
  }

  #due(slot: number): number {
    return this.#deadline[this.#heap[slot] as number] as number
  }

  #swap(a: number, b: number): void {
    const kept = this.#heap[a] as number
    this.#heap[a] = this.#heap[b] as number
    this.#heap[b] = kept
  }

  #push(index: number): void {
    let slot = this.#size++
    this.#heap[slot] = index
    while (slot > 0) {
      const parent = (slot - 1) >> 1
      if (this.#due(parent) <= this.#due(slot)) return
      this.#swap(slot, parent)
      slot = parent
    }
  }

  #pop(): number {
    const top = this.#heap[0] as number
    this.#size--
    this.#heap[0] = this.#heap[this.#size] as number
    for (let slot = 0; ; ) {
      let least = slot
      for (const child of [2 * slot + 1, 2 * slot + 2])
        if (child < this.#size && this.#due(child) < this.#due(least)) least = child
      if (least === slot) return top
      this.#swap(slot, least)
      slot = least
    }
  }
}
