/**
 * Where the balancers send calls, in virtual time with fixed seeds: the real tables, pickers and endpoint layers, and
 * servers that are functions. The same seed gives the same figures on every machine.
 */
import { answered } from '../../test/kit/outcomes.ts'
import { normal, oneCore, percentile, type Server, Simulation, shareOf } from '../../test/kit/simulation.ts'
import { SharedSlots } from './servers.ts'

/** One figure of a scenario: what it is called, and how it is written. */
export interface Figure {
  readonly title: string
  readonly digits: number
}

export interface Scenario {
  readonly name: string
  readonly about: string
  readonly figures: readonly Figure[]
  /** In the order of the figures. */
  readonly run: (balance: string, seed: number) => readonly number[]
}

const times = <T>(count: number, make: (n: number) => T): T[] =>
  Array.from({ length: count }, (_, n) => make(n))
const steady: Server = (_now, random) => ({ afterMs: Math.max(1, normal(20, 2, random)) })
const P99: Figure = { title: 'p99 ms', digits: 0 }

/** The server that is slow, and for how long. */
const S1: Scenario = {
  name: 'S1',
  about: '11 servers of 167 ms, 1,000 a second; one takes 2 s for 30 of 60 s: answered within a second, %',
  figures: [{ title: '< 1 s, %', digits: 2 }],
  run: (balance, seed) => {
    const usual: Server = (_now, random) => ({ afterMs: normal(167, 5, random) })
    const slow: Server = (now, random) =>
      now >= 15_000 && now < 45_000 ? { afterMs: 2000 } : usual(now, random)
    const { samples } = new Simulation([slow, ...times(10, () => usual)], { balance }, seed).openLoop(
      1000,
      60,
    )
    return [(100 * samples.filter(({ tookMs }) => tookMs < 1000).length) / samples.length]
  },
}

const SLOTS = 8
const DEMAND_MS = 75
const SERVERS = 100

/** Neighbours that come and go: no server's speed is its own. */
const S2: Scenario = {
  name: 'S2',
  about:
    '100 servers of 8 slots, 20 clients, 5 s deadline; speeds of × 1.5 and (15 %) × 0.55 change every 5 s: p99 at 70, 90 and 110 % of nominal load',
  figures: ['70 %', '90 %', '110 %'].map((load) => ({ title: `p99 ms at ${load}`, digits: 0 })),
  run: (balance, seed) =>
    [0.7, 0.9, 1.1].map((load) => {
      const servers = times(
        SERVERS,
        () =>
          new SharedSlots(
            SLOTS,
            (random) => Math.max(1, normal(DEMAND_MS, DEMAND_MS, random)),
            (random) => ({ factor: random() < 0.85 ? 1.5 : 0.55, forMs: -Math.log(1 - random()) * 5000 }),
          ),
      )
      const perSecond = (load * SERVERS * SLOTS * 1000) / DEMAND_MS
      const options = { clients: 20, deadlineMs: 5000 }
      const run = new Simulation(servers, { balance }, seed, options).openLoop(perSecond, 10, 'poisson')
      return percentile(run.samples, 0.99)
    }),
}

const S3: Scenario = {
  name: 'S3',
  about: '14 servers of 5 ms and two of 80 ms, one core each, 500 a second: p99',
  figures: [{ title: 'p99 ms', digits: 1 }],
  run: (balance, seed) => {
    const servers = times(16, (n) =>
      oneCore((random) => (n < 2 ? 16 : 1) * Math.max(1, normal(5, 1, random))),
    )
    return [percentile(new Simulation(servers, { balance }, seed).openLoop(500, 30, 'poisson').samples, 0.99)]
  },
}

const S4: Scenario = {
  name: 'S4',
  about: 'four equal servers, one core each, 30 callers in a closed loop: calls a second',
  figures: [{ title: 'per second', digits: 0 }],
  run: (balance, seed) => {
    const servers = times(4, () => oneCore((random) => Math.max(0.5, normal(5, 1.5, random))))
    return [new Simulation(servers, { balance }, seed).closedLoop(30, 30).samples.length / 30]
  },
}

const S5: Scenario = {
  name: 'S5',
  about:
    'one of ten answers 503 in a millisecond, 1,000 a second: its share of calls in the first second and after it, %',
  figures: [
    { title: '1st s, %', digits: 2 },
    { title: 'later, %', digits: 2 },
  ],
  run: (balance, seed) => {
    const failing: Server = () => ({ afterMs: 1, outcome: answered('gateway-error') })
    const { samples } = new Simulation([failing, ...times(9, () => steady)], { balance }, seed).openLoop(
      1000,
      20,
    )
    const first = samples.filter(({ atMs }) => atMs < 1000)
    return [100 * shareOf(first, 0), 100 * shareOf(samples.slice(first.length), 0)]
  },
}

const S6: Scenario = {
  name: 'S6',
  about:
    'an eleventh server joins at 10 s and is three times as slow for 10 s, one core each, 300 a second: p99 before and meanwhile, its share meanwhile, %',
  figures: [P99, { title: 'cold, ms', digits: 0 }, { title: 'share, %', digits: 1 }],
  run: (balance, seed) => {
    const servers = times(10, () => oneCore((random) => Math.max(1, normal(20, 2, random))))
    let freeMs = 0
    const cold: Server = (now, random) => {
      freeMs = Math.max(freeMs, now) + (now < 20_000 ? 3 : 1) * Math.max(1, normal(20, 2, random))
      return { afterMs: freeMs - now }
    }
    const options = { lastJoinsMs: 10_000 }
    const { samples } = new Simulation([...servers, cold], { balance }, seed, options).openLoop(
      300,
      25,
      'poisson',
    )
    const meanwhile = samples.filter(({ atMs }) => atMs >= 10_000 && atMs < 20_000)
    const before = samples.filter(({ atMs }) => atMs < 10_000)
    return [percentile(before, 0.99), percentile(meanwhile, 0.99), 100 * shareOf(meanwhile, 10)]
  },
}

const S7: Scenario = {
  name: 'S7',
  about:
    'four servers near (+1 ms) and four far (+6 ms), one core of 5 ms each, 400 a second and 1,000 from 10 to 20 s: share of the near ones before, meanwhile and from 25 s, %. No balancer is told of zones yet: it shows in latency alone',
  figures: ['before, %', 'spill, %', 'after, %'].map((title) => ({ title, digits: 0 })),
  run: (balance, seed) => {
    const servers = times(8, (n) => {
      const core = oneCore((random) => Math.max(0.5, normal(5, 1, random)))
      return ((now, random) => ({ afterMs: core(now, random).afterMs + (n < 4 ? 1 : 6) })) as Server
    })
    const run = new Simulation(servers, { balance }, seed)
    run.clock.after(10_000, () => run.arrivals(600, 20, 'poisson'))
    const { samples } = run.openLoop(400, 40, 'poisson')
    const near = (fromMs: number, toMs: number): number => {
      const some = samples.filter(({ atMs }) => atMs >= fromMs && atMs < toMs)
      return (100 * some.filter(({ server }) => server < 4).length) / some.length
    }
    return [near(0, 10_000), near(10_000, 20_000), near(25_000, 40_000)]
  },
}

export const SCENARIOS: readonly Scenario[] = [S1, S2, S3, S4, S5, S6, S7]

/** @throws Error where there is none of that name */
export function scenarioNamed(name: string): Scenario {
  const scenario = SCENARIOS.find((one) => one.name === name)
  if (scenario === undefined) throw new Error(`there is no scenario ${name}`)
  return scenario
}
