import { balancePiece } from '../balance/index.ts'
import type { Attempt } from '../core/attempt.ts'
import type { Call } from '../core/call.ts'
import type { EndpointSet, EndpointState } from '../core/endpoint.ts'
import type { Events } from '../core/events.ts'
import type { Leaf } from '../core/leaf.ts'
import type { PolicyPiece } from '../core/piece.ts'
import type { ServicePlan } from '../core/plan.ts'
import type { Clock, Random } from '../core/ports.ts'
import type { Slot } from '../core/service.ts'
import { Intake } from './intake.ts'
import { KnownEndpoint, type Owner } from './known-endpoint.ts'
import { outlierPiece } from './outlier-policy.ts'
import { type Members, Reconciliation } from './reconcile.ts'
import type { RotationRules } from './rotation.ts'
import { Rotations } from './rotations.ts'
import { sameValue } from './same-value.ts'
import { Slots } from './slots.ts'

export interface TableDeps {
  readonly clock: Clock
  readonly random: Random
  readonly events: Events
  /** Builds the layers of one endpoint over its leaf (`stack.ts`). Called at the first pick, and again after `reopenOn` changed. */
  open(endpoint: EndpointState, protocol: Call<unknown>['protocol']): Leaf
  /** Keys of the plan whose change makes every transport open anew. */
  readonly reopenOn: readonly string[]
  /** Somebody waits for the first set of this service. */
  wanted?(service: string): void
}

/**
 * One upstream service: its plan, its endpoints, and what modules keep on it. Plans are values and are replaced;
 * endpoints are things and are reconciled.
 */
export class ServiceTable implements Owner {
  readonly name: string
  #plan: ServicePlan
  readonly #deps: TableDeps
  readonly #rotation: Rotations
  readonly #slots = new Slots()
  readonly #members: Members = { list: [], byId: new Map(), sets: 0 }
  readonly #intake: Intake
  #ready = false
  readonly #waiting = new Set<() => void>()
  readonly #draining = new Map<Leaf, Promise<void>>()

  constructor(plan: ServicePlan, deps: TableDeps) {
    this.name = plan.service
    this.#plan = plan
    this.#deps = deps
    this.#rotation = new Rotations(this.name, this.#rules(), deps)
    this.#intake = new Intake(
      deps.clock,
      (set) => this.#compare(set),
      (compared) => this.#commit(compared),
    )
  }

  get plan(): ServicePlan {
    return this.#plan
  }

  get endpoints(): readonly KnownEndpoint[] {
    return this.#rotation.known
  }

  speaking(protocol: Call<unknown>['protocol']): readonly KnownEndpoint[] {
    return this.#rotation.speaking(protocol)
  }

  get ready(): boolean {
    return this.#ready
  }

  /** How many endpoints are ejected now. */
  get ejected(): number {
    return this.#rotation.ejected
  }

  /** True while ejection is ignored because too few endpoints would be left. */
  get panic(): boolean {
    return this.#rotation.panic
  }

  /** Transports that finish the attempts they have and then close. */
  get draining(): number {
    return this.#draining.size
  }

  params<P>(piece: PolicyPiece<P>): P {
    const { params } = this.#plan
    return piece.key in params ? (params[piece.key] as P) : piece.defaults
  }

  slot<T>(slot: Slot<T>): T {
    return this.#slots.get(slot)
  }

  onReady(fn: () => void): () => void {
    if (this.#ready) {
      fn()
      return () => {}
    }
    this.#waiting.add(fn)
    this.#deps.wanted?.(this.name)
    return () => {
      this.#waiting.delete(fn)
    }
  }

  pick(attempt: Attempt<unknown>): KnownEndpoint | undefined {
    return this.#rotation.pick(attempt)
  }

  /**
   * The whole set as a source knows it now; in force as a whole, removals included, when this returns, or after a few
   * turns of the event loop where there is more to do than fits into one. Until then all is as it was.
   */
  apply(set: EndpointSet): void {
    this.#intake.take(set)
  }

  /** Brings the endpoints in line with a new plan; what the plan does not change is not touched. */
  setPlan(plan: ServicePlan): void {
    const before = this.#plan
    if (plan === before) return
    const rules = this.#rules()
    this.#plan = plan
    if (!sameValue(rules, this.#rules())) this.#rotation.setRules(this.#rules())
    const reopen = this.#deps.reopenOn.some((key) => !sameValue(before.params[key], plan.params[key]))
    if (reopen) for (const endpoint of this.#members.list) endpoint.reopen()
  }

  /** Resolves when every transport is closed; attempts still running end first. */
  async close(): Promise<void> {
    this.#intake.stop()
    const known = this.#members.list
    this.#members.list = []
    this.#members.byId = new Map()
    this.#rotation.setKnown([])
    for (const endpoint of known) this.#retire(endpoint)
    this.#slots.drop()
    await Promise.all(this.#draining.values())
  }

  /** Cuts what is left on every transport, draining or not. */
  destroy(): void {
    for (const leaf of this.#draining.keys()) leaf.destroy()
    for (const endpoint of this.#members.list) endpoint.destroy()
  }

  open(endpoint: EndpointState, protocol: Call<unknown>['protocol']): Leaf {
    return this.#deps.open(endpoint, protocol)
  }

  drain(leaf: Leaf): void {
    const closed = (): void => {
      this.#draining.delete(leaf)
    }
    this.#draining.set(leaf, leaf.close().then(closed, closed))
  }

  eject(endpoint: KnownEndpoint): boolean {
    return this.#isMember(endpoint) && this.#rotation.eject(endpoint)
  }

  offerProbe(endpoint: KnownEndpoint): void {
    if (this.#isMember(endpoint)) this.#rotation.offerProbe(endpoint)
  }

  readmit(endpoint: KnownEndpoint): void {
    if (this.#isMember(endpoint)) this.#rotation.readmit(endpoint)
  }

  /** Attempts may outlive their endpoint's membership; what they find out then changes nothing. */
  #isMember(endpoint: KnownEndpoint): boolean {
    return this.#members.byId.get(endpoint.id) === endpoint
  }

  #compare(set: EndpointSet): Reconciliation {
    const nowMs = this.#deps.clock.now()
    return new Reconciliation(this.#members, set, (id, spec) => new KnownEndpoint(this, id, spec, nowMs))
  }

  #commit(compared: Reconciliation): void {
    const { added, removed, changed } = compared.commit()
    const { list } = this.#members
    if (changed) this.#rotation.setKnown(list)
    for (const endpoint of removed) this.#retire(endpoint)
    if (added > 0 || removed.length > 0)
      this.#deps.events.emit('endpoints', {
        service: this.name,
        added,
        removed: removed.length,
        known: list.length,
      })
    this.#becomeReady()
  }

  #retire(endpoint: KnownEndpoint): void {
    endpoint.ejected = false
    endpoint.offered = false
    endpoint.retire()
  }

  #rules(): RotationRules {
    return { balance: this.params(balancePiece), outlier: this.params(outlierPiece) }
  }

  #becomeReady(): void {
    if (this.#ready) return
    this.#ready = true
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const fn of waiting) fn()
  }
}
