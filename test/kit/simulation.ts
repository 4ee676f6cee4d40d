import type { Attempt } from '../../src/core/attempt.ts'
import { NOTHING_TO_CANCEL } from '../../src/core/hop.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import type { Params } from '../../src/core/plan.ts'
import type { Random } from '../../src/core/ports.ts'
import { pick } from '../../src/endpoints/pick.ts'
import { ServiceTable, type TableDeps } from '../../src/endpoints/table.ts'
import { Journal, makeAttempt, makeCall, makePlan } from './builders.ts'
import { EventClock } from './event-clock.ts'
import { ok } from './outcomes.ts'
import { seeded } from './random.ts'
import { setOf, withLayers } from './table.ts'

/** How a simulated server answers a request that arrives now. */
export type Server = (
  nowMs: number,
  random: Random,
) => { readonly afterMs: number; readonly outcome?: Outcome }

/** One attempt that has ended. */
export interface Sample {
  /** When it was due, which is when it was sent, in milliseconds from the start. */
  readonly atMs: number
  readonly tookMs: number
  readonly server: number
  readonly success: boolean
}

/**
 * One client of one service in virtual time, with the real table, balancers and endpoint layers. No retries: what is
 * measured is where the attempts go.
 */
export class Simulation {
  readonly samples: Sample[] = []
  readonly clock = new EventClock()
  readonly events = new Journal()
  readonly #random: Random
  readonly #table: ServiceTable
  readonly #call = makeCall()

  constructor(servers: readonly Server[], params: Params, seed: number) {
    this.#random = seeded(seed)
    const deps: TableDeps = {
      clock: this.clock,
      random: seeded(seed + 1),
      events: this.events,
      reopenOn: [],
      open: (endpoint) => ({
        hop: withLayers(
          endpoint,
          (_attempt, observer) => {
            const { afterMs, outcome = SUCCESS } = servers[endpoint.port - 4001]!(
              this.clock.now(),
              this.#random,
            )
            this.clock.after(afterMs, () => {
              observer.head(outcome)
              observer.end(outcome)
            })
            return NOTHING_TO_CANCEL
          },
          deps,
        ),
        close: () => Promise.resolve(),
        destroy() {},
      }),
    }
    this.#table = new ServiceTable(makePlan(params), deps)
    this.#table.apply(setOf(servers.length))
  }

  /** Arrivals planned ahead, evenly spaced or by Poisson, whatever becomes of those before. */
  openLoop(perSecond: number, seconds: number, spacing: 'even' | 'poisson' = 'even'): this {
    const hop = pick<undefined>(this.#table)
    const arrive = (): void => {
      const gapMs = (spacing === 'even' ? 1 : -Math.log(1 - this.#random())) * (1000 / perSecond)
      if (this.clock.now() + gapMs <= seconds * 1000) this.clock.after(gapMs, arrive)
      this.#send(hop, () => {})
    }
    arrive()
    this.clock.runUntil(seconds * 1000 + 600_000)
    return this
  }

  /** So many callers, each sending again as soon as it is answered. */
  closedLoop(callers: number, seconds: number): this {
    const hop = pick<undefined>(this.#table)
    const again = (): void => {
      if (this.clock.now() < seconds * 1000) this.#send(hop, again)
    }
    for (let n = 0; n < callers; n++) again()
    this.clock.runUntil(seconds * 1000)
    return this
  }

  #send(hop: ReturnType<typeof pick<undefined>>, done: () => void): void {
    const startedMs = this.clock.now()
    const attempt: Attempt<undefined> = makeAttempt({ call: this.#call, startedMs })
    hop(attempt, {
      head: () => 'deliver',
      end: (outcome) => {
        this.samples.push({
          atMs: startedMs,
          tookMs: this.clock.now() - startedMs,
          server: (attempt.endpoint?.port ?? 4000) - 4001,
          success: outcome.class === 'success',
        })
        done()
      },
    })
  }
}

const SUCCESS = ok()

/** A value of the normal distribution, by Box and Muller. */
export function normal(mean: number, deviation: number, random: Random): number {
  return mean + deviation * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

/** A server with one core: requests wait for those before them. */
export function oneCore(serviceMs: (random: Random) => number): Server {
  let freeMs = 0
  return (nowMs, random) => {
    freeMs = Math.max(freeMs, nowMs) + serviceMs(random)
    return { afterMs: freeMs - nowMs }
  }
}

export function percentile(samples: readonly Sample[], fraction: number): number {
  const sorted = samples.map(({ tookMs }) => tookMs).sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? 0
}

/** The part of the samples that went to one server. */
export function shareOf(samples: readonly Sample[], server: number): number {
  return samples.filter((sample) => sample.server === server).length / samples.length
}
