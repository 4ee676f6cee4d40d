/** What can stand in the list; the fields are the list's own. */
export interface Listed {
  older: Listed | undefined
  newer: Listed | undefined
  listed: boolean
}

/**
 * What is in flight, oldest first: a list linked through its members. A Set would hold on to the past: V8 links each
 * outgrown table of a Set to the next one, and once the first of them is old, a young collection keeps them all, with
 * every request that stood in one, until the next full collection.
 */
export class InFlight<T extends Listed> {
  size = 0
  #oldest: Listed | undefined
  #newest: Listed | undefined

  add(one: T): void {
    if (one.listed) return
    one.listed = true
    one.older = this.#newest
    if (this.#newest === undefined) this.#oldest = one
    else this.#newest.newer = one
    this.#newest = one
    this.size++
  }

  delete(one: T): void {
    if (!one.listed) return
    one.listed = false
    if (one.older === undefined) this.#oldest = one.newer
    else one.older.newer = one.newer
    if (one.newer === undefined) this.#newest = one.older
    else one.newer.older = one.older
    one.older = undefined
    one.newer = undefined
    this.size--
  }

  /** All that are in it now; what comes or goes meanwhile changes nothing. */
  all(): T[] {
    const all: T[] = []
    for (let one = this.#oldest; one !== undefined; one = one.newer) all.push(one as T)
    return all
  }
}
