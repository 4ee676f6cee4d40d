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
import { steady } from './warmth.ts'

/** Arrivals in an open loop while an arm is warmed. */
const OPEN_WARMUP_MS = 60
/**
 * And so many that are due together: each client then has the connections for what is due after a hiccup of 50 ms. Without
 * them each hiccup is followed by as many handshakes, which hold the client up for longer than it lasted.
 */
const AT_ONCE: readonly number[] = Array.from({ length: 100 }, () => 0)
/** More connections than calls at a time, for every address: somebody does not keep them. */
const ADDRESSES_AT_MOST = 4

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
    for (const run of runs) tell(await run.warm())
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

  /**
   * Rounds of all kinds of windows with all methods: what one of them has compiled another one may throw away. Until they
   * bring nothing more. An open loop waits until calls are quick enough for it.
   */
  async warm(): Promise<string> {
    const { warmupMs, warmupCalls, warmupMostMs, windowMs } = this.#options.pace
    const started = performance.now()
    const tookMs = (): number => performance.now() - started
    const rounds: Costs[] = this.#costs.map(({ method }) => noCosts(method))
    do
      for (const round of rounds) {
        await this.#mainWindow(round, windowMs)
        await this.#totalWindow(round, windowMs)
        if (tookMs() > warmupMs / 2)
          await this.#openWindow(round, [...AT_ONCE, ...this.#arrivals(OPEN_WARMUP_MS, 0)])
      }
    while (
      tookMs() < warmupMs ||
      (tookMs() < warmupMostMs &&
        (rounds.reduce((sum, { calls }) => sum + calls, 0) < warmupCalls ||
          !rounds.every(({ mainUs, totalUs }) => steady(mainUs) && steady(totalUs))))
    )
    const { arm, caller, upstream } = this.#staged
    pin((arm.payer === 'upstream' ? upstream : caller).pid, APPLICATION_CORE)
    const seen = rounds.map(({ mainUs }) => mainUs.map((us) => us.toFixed(0)).join(' '))
    return `${this.label}: warm after ${(tookMs() / 1000).toFixed(1)} s: ${seen.join(', ')}`
  }

  /** Every kind of window once or more, for each method. */
  async turn(number: number): Promise<string> {
    const { settleMs, windows, windowMs, openMs } = this.#options.pace
    for (const costs of this.#costs) {
      await this.#closed(costs.method, settleMs, {})
      const sockets = this.#sockets
      for (let n = 0; n < windows; n++) await this.#mainWindow(costs, windowMs)
      for (let n = 0; n < windows; n++) await this.#totalWindow(costs, windowMs)
      this.#socketsInWindows += this.#sockets - sockets
      for (let n = 0; n < windows; n++)
        await this.#openWindow(costs, this.#arrivals(openMs, number * windows + n + 1))
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

  async #mainWindow(costs: Costs, ms: number): Promise<void> {
    const { arm, caller, upstream } = this.#staged
    const paid = arm.payer === 'upstream'
    const { pid } = paid ? upstream : caller
    // Proxies share a core with the upstream, which must leave it to them.
    const stirred = !paid && arm.group !== 'sidecar'
    if (stirred) await awake(this.#staged, true)
    const from = mainThreadUs(pid)
    const calls = await this.#window(costs, ms, paid)
    costs.mainUs.push((mainThreadUs(pid) - from) / calls)
    if (stirred) await awake(this.#staged, false)
  }

  async #totalWindow(costs: Costs, ms: number): Promise<void> {
    const { caller, upstream, proxies } = this.#staged
    const pids: readonly (readonly [Part, number])[] = [
      ['caller', caller.pid],
      ['upstream', upstream.pid],
      ...(proxies?.pids ?? []).map((pid) => ['proxies', pid] as const),
    ]
    const from = pids.map(([, pid]) => processUs(pid))
    const calls = await this.#window(costs, ms, false)
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

  /** The same for every arm. */
  #arrivals(ms: number, seed: number): number[] {
    return planArrivals(this.#options.rate, ms, seeded(seed))
  }

  async #openWindow(costs: Costs, due: readonly number[]): Promise<void> {
    const question = { ask: 'open', method: costs.method, due } as const
    const { latenciesMs } = await this.#staged.caller.ask<OpenAnswer>(question)
    costs.latenciesMs.push([...latenciesMs])
    costs.calls += latenciesMs.length
  }

  async #window(costs: Costs, ms: number, spinning: boolean): Promise<number> {
    const calls = await this.#closed(costs.method, ms, { awake: spinning })
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
