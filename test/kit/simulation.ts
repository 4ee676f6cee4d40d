import type { Attempt } from '../../src/core/attempt.ts'
import { NOTHING_TO_CANCEL } from '../../src/core/hop.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import type { Params } from '../../src/core/plan.ts'
import type { Random } from '../../src/core/ports.ts'
import { pick } from '../../src/endpoints/pick.ts'
import { ServiceTable, type TableDeps } from '../../src/endpoints/table.ts'
import { Journal, makeAttempt, makeCall, makePlan } from './builders.ts'
import { EventClock } from './event-clock.ts'
import { answered, ok } from './outcomes.ts'
import { seeded } from './random.ts'
import { setOf, withLayers } from './table.ts'

/** How a simulated server answers a request that arrives now. */
export type Answering = (
  nowMs: number,
  random: Random,
) => { readonly afterMs: number; readonly outcome?: Outcome }

/** A server whose requests slow each other down: when one is done is not known when it arrives. */
export interface Sharing {
  /** Begins with one request; returns how to give it up. */
  serve(clock: EventClock, random: Random, done: () => void): () => void
}
export type Server = Answering | Sharing
export type Spacing = 'even' | 'poisson'

export interface SimulationOptions {
  /** How many clients send, each with what it has seen itself; default 1. */
  readonly clients?: number
  /** A request that takes longer fails then, in milliseconds; default never. */
  readonly deadlineMs?: number
  /** When the last of the servers joins, in milliseconds; default at the start. */
  readonly lastJoinsMs?: number
}

/** One attempt that has ended. */
export interface Sample {
  /** When it was due, which is when it was sent, in milliseconds from the start. */
  readonly atMs: number
  readonly tookMs: number
  readonly server: number
  readonly success: boolean
}

/**
 * The clients of one service in virtual time, with the real table, balancers and endpoint layers. No retries: what is
 * measured is where the attempts go.
 */
export class Simulation {
  readonly samples: Sample[] = []
  readonly clock = new EventClock()
  readonly events = new Journal()
  readonly #random: Random
  readonly #hops: readonly ReturnType<typeof pick<undefined>>[]
  readonly #servers: readonly Server[]
  readonly #deadlineMs: number
  readonly #call = makeCall()

  constructor(
    servers: readonly Server[],
    params: Params,
    seed: number,
    { clients = 1, deadlineMs = Number.POSITIVE_INFINITY, lastJoinsMs }: SimulationOptions = {},
  ) {
    this.#random = seeded(seed)
    this.#servers = servers
    this.#deadlineMs = deadlineMs
    const tables = Array.from(
      { length: clients },
      (_, n) => new ServiceTable(makePlan(params), this.#deps(seed + n)),
    )
    for (const table of tables) table.apply(setOf(servers.length - (lastJoinsMs === undefined ? 0 : 1)))
    if (lastJoinsMs !== undefined)
      this.clock.after(lastJoinsMs, () => {
        for (const table of tables) table.apply(setOf(servers.length))
      })
    this.#hops = tables.map((table) => pick<undefined>(table))
  }

  #deps(seed: number): TableDeps {
    const deps: TableDeps = {
      clock: this.clock,
      random: seeded(seed + 1),
      events: this.events,
      reopenOn: [],
      open: (endpoint) => ({
        hop: withLayers(
          endpoint,
          (_attempt, observer) => {
            this.#serve(this.#servers[endpoint.port - 4001]!, (outcome) => {
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
    return deps
  }

  #serve(server: Server, end: (outcome: Outcome) => void): void {
    if (typeof server === 'function') {
      const { afterMs, outcome = SUCCESS } = server(this.clock.now(), this.#random)
      const late = afterMs > this.#deadlineMs
      this.clock.after(late ? this.#deadlineMs : afterMs, () => end(late ? TOO_LATE : outcome))
      return
    }
    const giveUp = server.serve(this.clock, this.#random, () => {
      disarm()
      end(SUCCESS)
    })
    const disarm = Number.isFinite(this.#deadlineMs)
      ? this.clock.after(this.#deadlineMs, () => {
          giveUp()
          end(TOO_LATE)
        })
      : () => {}
  }

  /** Arrivals planned ahead, evenly spaced or by Poisson, whatever becomes of those before. */
  openLoop(perSecond: number, seconds: number, spacing: Spacing = 'even'): this {
    this.arrivals(perSecond, seconds, spacing)
    this.clock.runUntil(seconds * 1000 + 600_000)
    return this
  }

  /** The same from now on, beside whatever else arrives; time is left to whoever runs the clock. */
  arrivals(perSecond: number, untilSeconds: number, spacing: Spacing): void {
    const arrive = (): void => {
      const gapMs = (spacing === 'even' ? 1 : -Math.log(1 - this.#random())) * (1000 / perSecond)
      if (this.clock.now() + gapMs <= untilSeconds * 1000) this.clock.after(gapMs, arrive)
      this.#send(() => {})
    }
    arrive()
  }

  /** So many callers, each sending again as soon as it is answered. */
  closedLoop(callers: number, seconds: number): this {
    const again = (): void => {
      if (this.clock.now() < seconds * 1000) this.#send(again)
    }
    for (let n = 0; n < callers; n++) again()
    this.clock.runUntil(seconds * 1000)
    return this
  }

  #send(done: () => void): void {
    const { length } = this.#hops
    const hop = this.#hops[length === 1 ? 0 : Math.floor(this.#random() * length)]!
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
const TOO_LATE = answered('deadline')

/** A value of the normal distribution, by Box and Muller. */
export function normal(mean: number, deviation: number, random: Random): number {
  return mean + deviation * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

/** A server with one core: requests wait for those before them. */
export function oneCore(serviceMs: (random: Random) => number): Answering {
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
