import { type EndpointSet, type EndpointSpec, endpointId } from '../core/endpoint.ts'
import { type KnownEndpoint, weightOf } from './known-endpoint.ts'

/** The endpoints of one service. Changed by `Reconciliation.commit` alone. */
export interface Members {
  list: readonly KnownEndpoint[]
  byId: Map<string, KnownEndpoint>
  /** How many sets were looked through. */
  sets: number
}

export interface Reconciled {
  readonly added: number
  readonly removed: readonly KnownEndpoint[]
  /** Something a balancer looks at is different: members or weights. */
  readonly changed: boolean
}

/** With so many changes, another index is made beforehand instead of changing the one there is within the commit. */
const MANY_CHANGES = 512

/**
 * A new endpoint set against what is known: endpoints are things, so one that stays keeps its object and with it its
 * load, its ejection and its sockets. An address listed twice counts once, as it is listed first; an address that must
 * prove another identity than before, is protected in another way or speaks another protocol is another endpoint.
 *
 * Linear in both, in steps of any size: until `commit` nobody sees anything of it. What a source says in the words of
 * before (the same object, as sources give it that compare) costs a comparison of pointers; the rest is looked up.
 */
export class Reconciliation {
  readonly #members: Members
  readonly #specs: readonly EndpointSpec[]
  readonly #make: (id: string, spec: EndpointSpec) => KnownEndpoint
  readonly #stamp: number
  readonly #list: KnownEndpoint[] = []
  readonly #made = new Map<string, KnownEndpoint>()
  readonly #reworded: KnownEndpoint[] = []
  readonly #words: EndpointSpec[] = []
  #index: Map<string, KnownEndpoint> | undefined
  #looked = 0
  #indexed = 0
  /** Where among those known the next is expected. */
  #expected = 0
  #reweighted = false

  constructor(members: Members, set: EndpointSet, make: (id: string, spec: EndpointSpec) => KnownEndpoint) {
    this.#members = members
    this.#specs = set.endpoints
    this.#make = make
    members.sets += 1
    this.#stamp = members.sets
  }

  /** Goes on by so many endpoints. True: nothing is left but to commit. */
  step(count: number): boolean {
    const specs = this.#specs
    if (this.#looked < specs.length) {
      const until = Math.min(specs.length, this.#looked + count)
      for (let at = this.#looked; at < until; at += 1) this.#look(specs[at] as EndpointSpec)
      this.#looked = until
      if (until < specs.length) return false
    }
    return !this.#needsIndex() || this.#fill(count)
  }

  /** What was found is so from now on. Once, and after `step` was true. */
  commit(): Reconciled {
    const members = this.#members
    const added = this.#made.size
    const removed: KnownEndpoint[] = []
    if (this.#list.length - added < members.list.length)
      for (const endpoint of members.list) if (endpoint.stamp !== this.#stamp) removed.push(endpoint)
    for (let at = 0; at < this.#words.length; at += 1)
      (this.#reworded[at] as KnownEndpoint).update(this.#words[at] as EndpointSpec)
    if (members.list.length === 0) members.byId = this.#made
    else if (this.#index !== undefined) members.byId = this.#index
    else {
      for (const { id } of removed) members.byId.delete(id)
      for (const [id, endpoint] of this.#made) members.byId.set(id, endpoint)
    }
    const changed = this.#reweighted || added > 0 || removed.length > 0
    if (changed) members.list = this.#list
    return { added, removed, changed }
  }

  #look(spec: EndpointSpec): void {
    const expected = this.#members.list[this.#expected]
    if (expected !== undefined && expected.spec === spec && this.#isFree(expected)) {
      this.#stays(expected)
      return
    }
    const id = endpointId(spec.address, spec.port)
    const same = this.#members.byId.get(id)
    if (same !== undefined && !this.#isFree(same)) return
    if (same !== undefined && !isAnother(same, spec)) {
      this.#expected = same.place
      this.#stays(same)
      if (same.spec === spec) return
      this.#reweighted ||= same.weight !== weightOf(spec)
      this.#reworded.push(same)
      this.#words.push(spec)
      return
    }
    if (this.#made.has(id)) return
    // Its successor counts: where it is listed too, that is the second time.
    if (same !== undefined) same.stamp = -this.#stamp
    const made = this.#make(id, spec)
    made.stamp = this.#stamp
    made.place = this.#list.length
    this.#made.set(id, made)
    this.#list.push(made)
  }

  /** Neither listed already nor replaced. */
  #isFree({ stamp }: KnownEndpoint): boolean {
    return stamp !== this.#stamp && stamp !== -this.#stamp
  }

  #stays(endpoint: KnownEndpoint): void {
    this.#expected += 1
    endpoint.stamp = this.#stamp
    endpoint.place = this.#list.length
    this.#list.push(endpoint)
  }

  #needsIndex(): boolean {
    const before = this.#members.list.length
    const added = this.#made.size
    const removed = before - (this.#list.length - added)
    return before > 0 && added + removed > MANY_CHANGES
  }

  #fill(count: number): boolean {
    this.#index ??= new Map()
    const until = Math.min(this.#list.length, this.#indexed + count)
    for (let at = this.#indexed; at < until; at += 1) {
      const endpoint = this.#list[at] as KnownEndpoint
      this.#index.set(endpoint.id, endpoint)
    }
    this.#indexed = until
    return until === this.#list.length
  }
}

function isAnother(known: KnownEndpoint, { identity, mtls, protocol }: EndpointSpec): boolean {
  return known.identity !== identity || known.mtls !== mtls || known.protocol !== protocol
}
