import type { Attempt } from '../../src/core/attempt.ts'
import type { EndpointState } from '../../src/core/endpoint.ts'
import type { Hop } from '../../src/core/hop.ts'
import type { Leaf } from '../../src/core/leaf.ts'
import type { Params } from '../../src/core/plan.ts'
import type { Clock } from '../../src/core/ports.ts'
import { load } from '../../src/endpoints/load.ts'
import { outlier } from '../../src/endpoints/outlier.ts'
import { ServiceTable, type TableDeps } from '../../src/endpoints/table.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { Journal, makePlan } from './builders.ts'
import { ScriptedHop } from './hops.ts'
import { seeded } from './random.ts'

/** A transport that a test plays by hand. */
export class ScriptedLeaf implements Leaf {
  readonly endpoint: EndpointState
  readonly script: ScriptedHop<Attempt<unknown>>
  readonly hop: Hop<Attempt<unknown>>
  closed = false
  destroyed = false
  #finish: (() => void) | undefined

  constructor(endpoint: EndpointState, clock: Clock) {
    this.endpoint = endpoint
    this.script = new ScriptedHop(clock)
    this.hop = this.script.hop
  }

  close(): Promise<void> {
    this.closed = true
    return new Promise((resolve) => {
      this.#finish = resolve
      this.settle()
    })
  }

  destroy(): void {
    this.destroyed = true
    this.#finish?.()
  }

  /** What a transport does by itself: closes once nothing runs on it any more. */
  settle(): void {
    if (this.closed && this.script.live.length === 0) this.#finish?.()
  }
}

/** The real endpoint layers over a hop: outlier above load, as in `stack.ts`. */
export function withLayers(
  endpoint: EndpointState,
  leaf: Hop<Attempt<unknown>>,
  deps: Pick<TableDeps, 'clock' | 'random' | 'events'>,
): Hop<Attempt<unknown>> {
  const all = {
    ...deps,
    wall: () => 0,
    service: endpoint.service,
    endpoint,
    enter: () => {
      throw new Error('no other stack')
    },
  }
  const loaded = load.layer(undefined, all)!(leaf)
  return outlier.layer(false, all)!(loaded)
}

export interface TestTable {
  readonly table: ServiceTable
  readonly clock: ManualClock
  readonly events: Journal
  /** Every transport that was opened, in order. */
  readonly leaves: ScriptedLeaf[]
  readonly deps: TableDeps
}

/** A service with so many endpoints at ports 4001, 4002, …, the real layers and scripted transports. */
export function makeTable(count: number, params: Params = {}, seed = 1): TestTable {
  const clock = new ManualClock()
  const events = new Journal()
  const leaves: ScriptedLeaf[] = []
  const deps: TableDeps = {
    clock,
    random: seeded(seed),
    events,
    reopenOn: ['connect'],
    open(endpoint) {
      const leaf = new ScriptedLeaf(endpoint, clock)
      leaves.push(leaf)
      return {
        hop: withLayers(endpoint, leaf.hop, deps),
        close: () => leaf.close(),
        destroy: () => leaf.destroy(),
      }
    },
  }
  const table = new ServiceTable(makePlan(params), deps)
  if (count > 0) table.apply(setOf(count))
  return { table, clock, events, leaves, deps }
}

/** Endpoints at 127.0.0.1, ports 4001, 4002, … */
export function setOf(count: number): { endpoints: { address: string; port: number }[] } {
  return { endpoints: Array.from({ length: count }, (_, n) => ({ address: '127.0.0.1', port: 4001 + n })) }
}
