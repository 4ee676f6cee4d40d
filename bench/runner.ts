/**
 * Runs the arms of one group. All their processes are fresh and live side by side; each arm is warmed, then turns go
 * through all arms, so that whatever changes on the machine meanwhile changes for all. While one has its turn the others sleep.
 */
import { loadavg } from 'node:os'
import { seeded } from '../test/kit/random.ts'
import type { Arm, Method } from './arms/arm.ts'
import { mainThreadUs, processUs } from './cpu.ts'
import type { Closed, HeapAnswer, OpenAnswer } from './messages.ts'
import { planArrivals } from './open-loop.ts'
import type { Options } from './options.ts'
import { APPLICATION_CORE, pin } from './processes.ts'
import { type ArmResult, type Costs, type GroupResult, noCosts, type Part } from './results.ts'
import { awake, Stage, type Staged, watched } from './stage.ts'

/** More connections than calls at a time, for every address: somebody does not keep them. */
const ADDRESSES_AT_MOST = 4
/** A caller that has warmed up with one method needs less for the next. */
const NEXT_METHOD = 0.2
/** Quarters of the time of a warm-up, where that saw too few calls. */
const WARMUPS_MORE = 12

export async function runGroup(
  arms: readonly Arm[],
  options: Options,
  certificates: string,
  tell: (line: string) => void,
): Promise<GroupResult> {
  const before = loadavg()[0] ?? 0
  const started = performance.now()
  const stage = new Stage(certificates, tell)
  try {
    const staged = await Promise.all(arms.map((arm) => stage.open(arm)))
    const runs = staged.map((one) => new Run(one, options))
    for (const run of runs) {
      tell(`warming ${run.label}`)
      await run.warm()
    }
    for (let turn = 0; turn < options.pace.turns; turn++)
      for (const run of runs) tell(`turn ${turn + 1} of ${options.pace.turns}: ${await run.turn(turn)}`)
    for (const run of runs) await run.sampleHeap()
    return {
      group: arms[0]?.group ?? '',
      arms: runs.map((run) => run.result()),
      loads: { before, after: loadavg()[0] ?? 0 },
      seconds: (performance.now() - started) / 1000,
    }
  } finally {
    await stage.close()
  }
}

class Run {
  readonly #staged: Staged
  readonly #options: Options
  readonly #costs: readonly Costs[]
  #sockets = 0
  #socketsInWindows = 0

  constructor(staged: Staged, options: Options) {
    this.#staged = staged
    this.#options = options
    this.#costs = (staged.arm.methods ?? ['GET']).map(noCosts)
  }

  get label(): string {
    return this.#staged.arm.label
  }

  async warm(): Promise<void> {
    const { warmupMs, warmupCalls } = this.#options.pace
    for (const [n, { method }] of this.#costs.entries()) {
      const part = n === 0 ? 1 : NEXT_METHOD
      let calls = await this.#closed(method, warmupMs * part, {})
      for (let more = 0; more < WARMUPS_MORE && calls < warmupCalls * part; more++)
        calls += await this.#closed(method, (warmupMs * part) / 4, {})
    }
    const { arm, caller, upstream } = this.#staged
    pin((arm.payer === 'upstream' ? upstream : caller).pid, APPLICATION_CORE)
  }

  /** Every kind of window once or more, for each method. */
  async turn(number: number): Promise<string> {
    const { settleMs, windows } = this.#options.pace
    for (const costs of this.#costs) {
      await this.#closed(costs.method, settleMs, {})
      for (let n = 0; n < windows; n++) await this.#mainWindow(costs)
      for (let n = 0; n < windows; n++) await this.#totalWindow(costs)
      await this.#openWindow(costs, number)
    }
    const seen = this.#costs.map(({ method, mainUs }) => `${method} ${mainUs.at(-1)?.toFixed(1)} µs`)
    return `${this.label}: ${seen.join(', ')}`
  }

  async sampleHeap(): Promise<void> {
    // What a server allocates is not the caller's to tell.
    if (this.#staged.arm.payer === 'upstream') return
    const { concurrency, pace } = this.#options
    for (const costs of this.#costs) {
      const heap = { ask: 'heap', method: costs.method, calls: pace.heapCalls, concurrency } as const
      const { bytes, calls } = await this.#staged.caller.ask<HeapAnswer>(heap)
      costs.bytesPerCall = bytes / calls
    }
  }

  result(): ArmResult {
    return {
      arm: this.#staged.arm,
      costs: this.#costs,
      sockets: this.#sockets,
      socketsInWindows: this.#socketsInWindows,
    }
  }

  async #mainWindow(costs: Costs): Promise<void> {
    const { arm, caller, upstream } = this.#staged
    const paid = arm.payer === 'upstream'
    const { pid } = paid ? upstream : caller
    // Proxies share a core with the upstream, which must leave it to them.
    const stirred = !paid && arm.group !== 'sidecar'
    if (stirred) await awake(this.#staged, true)
    const from = mainThreadUs(pid)
    const calls = await this.#window(costs, paid)
    costs.mainUs.push((mainThreadUs(pid) - from) / calls)
    if (stirred) await awake(this.#staged, false)
  }

  async #totalWindow(costs: Costs): Promise<void> {
    const { caller, upstream, proxies } = this.#staged
    const pids: readonly (readonly [Part, number])[] = [
      ['caller', caller.pid],
      ['upstream', upstream.pid],
      ...(proxies?.pids ?? []).map((pid) => ['proxies', pid] as const),
    ]
    const from = pids.map(([, pid]) => processUs(pid))
    const calls = await this.#window(costs, false)
    let total = 0
    const parts: Record<Part, number> = { caller: 0, upstream: 0, proxies: 0 }
    for (const [n, [part, pid]] of pids.entries()) {
      const perCall = (processUs(pid) - (from[n] ?? 0)) / calls
      parts[part] += perCall
      total += perCall
    }
    costs.totalUs.push(total)
    for (const [part, us] of Object.entries(parts)) costs.partsUs[part as Part].push(us)
  }

  /** Every arm gets the same arrivals. */
  async #openWindow(costs: Costs, turn: number): Promise<void> {
    const { rate, pace } = this.#options
    const due = planArrivals(rate, pace.openMs, seeded(turn + 1))
    const question = { ask: 'open', method: costs.method, due } as const
    const { latenciesMs } = await this.#staged.caller.ask<OpenAnswer>(question)
    costs.latenciesMs.push(...latenciesMs)
    costs.calls += latenciesMs.length
  }

  async #window(costs: Costs, spinning: boolean): Promise<number> {
    const before = this.#sockets
    const calls = await this.#closed(costs.method, this.#options.pace.windowMs, { awake: spinning })
    this.#socketsInWindows += this.#sockets - before
    costs.calls += calls
    return calls
  }

  /** Returns how many calls there were; all ended well, and all arrived. */
  async #closed(method: Method, ms: number, more: Pick<Closed, 'awake'>): Promise<number> {
    const { concurrency } = this.#options
    const closed: Closed = { ask: 'closed', method, ms, concurrency, ...more }
    const { calls, opened } = await watched(this.#staged, closed)
    if (opened > concurrency * ADDRESSES_AT_MOST)
      throw new Error(
        `${this.label}: ${opened} connections were opened for ${calls} calls, ${concurrency} at a time`,
      )
    this.#sockets += opened
    return calls
  }
}
