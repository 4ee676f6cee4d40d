import type { Scope } from './ambient.ts'

/** The life of one inbound request. Costs a call that nobody ever asks about nothing but the object. */
export class RequestScope implements Scope {
  finished = false
  cancelled = false
  #onCancel: Set<() => void> | undefined

  onCancel(fn: () => void): () => void {
    if (this.finished || this.cancelled) return () => {}
    this.#onCancel ??= new Set()
    // Wrapped, so that one function given twice is two registrations.
    const entry = (): void => fn()
    this.#onCancel.add(entry)
    return () => {
      this.#onCancel?.delete(entry)
    }
  }

  /** The response is complete: what is left behind runs on without our deadline. */
  finish(): void {
    if (this.cancelled) return
    this.finished = true
    this.#onCancel = undefined
  }

  /** The caller went away first. */
  cancel(): void {
    if (this.finished || this.cancelled) return
    this.cancelled = true
    const waiting = this.#onCancel
    this.#onCancel = undefined
    for (const fn of waiting ?? []) fn()
  }
}
