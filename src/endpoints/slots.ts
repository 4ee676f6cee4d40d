import type { Slot } from '../core/service.ts'

/** The state that modules keep on one service or endpoint; nothing is made before it is asked for. */
export class Slots {
  #values: Map<Slot<unknown>, unknown> | undefined

  get<T>(slot: Slot<T>): T {
    this.#values ??= new Map()
    const kept = this.#values.get(slot)
    if (kept !== undefined) return kept as T
    const made = slot.make()
    this.#values.set(slot, made)
    return made
  }

  drop(): void {
    const values = this.#values
    this.#values = undefined
    for (const [slot, value] of values ?? []) slot.drop?.(value)
  }
}
