import type { ServicePlan } from '../core/plan.ts'
import { ServiceTable, type TableDeps } from './table.ts'
import { type ServiceView, viewOf } from './view.ts'

/** Every upstream service of this process, by name. */
export class Endpoints {
  readonly #deps: TableDeps
  readonly #tables = new Map<string, ServiceTable>()
  readonly #closing = new Set<ServiceTable>()

  constructor(deps: TableDeps) {
    this.#deps = deps
  }

  get(service: string): ServiceTable | undefined {
    return this.#tables.get(service)
  }

  /** The table of the plan's service, made where there is none, brought in line with the plan where there is. */
  reconcile(plan: ServicePlan): ServiceTable {
    const known = this.#tables.get(plan.service)
    if (known !== undefined) {
      known.setPlan(plan)
      return known
    }
    const table = new ServiceTable(plan, this.#deps)
    this.#tables.set(plan.service, table)
    return table
  }

  /** Forgets a service. Resolves when its transports are closed; attempts still running end first. */
  async remove(service: string): Promise<void> {
    const table = this.#tables.get(service)
    this.#tables.delete(service)
    if (table === undefined) return
    this.#closing.add(table)
    await table.close()
    this.#closing.delete(table)
  }

  [Symbol.iterator](): IterableIterator<ServiceTable> {
    return this.#tables.values()
  }

  view(): ServiceView[] {
    const nowMs = this.#deps.clock.now()
    return [...this.#tables.values()].map((table) => viewOf(table, nowMs))
  }

  /** Resolves when every transport is closed; attempts still running end first. */
  async close(): Promise<void> {
    await Promise.all([...this.#tables.keys()].map((service) => this.remove(service)))
  }

  /** Cuts what is left, for closes that may wait no longer. */
  destroy(): void {
    for (const table of [...this.#closing, ...this.#tables.values()]) table.destroy()
  }
}
