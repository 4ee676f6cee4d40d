/** What was aimed at, and what was reached: one line each, from the results of a run. */
import { type Row, rowsOf } from './comparisons.ts'
import type { GroupResult } from './results.ts'
import type { ScaleResult } from './scale/run.ts'
import { SCENARIOS } from './simulate/scenarios.ts'
import type { Outcome } from './simulate/table.ts'
import { type Effect, median } from './statistics.ts'

export interface Measured {
  readonly groups: readonly GroupResult[]
  readonly scale?: readonly ScaleResult[] | undefined
  readonly simulated?: readonly Outcome[] | undefined
  /** The major version of Node: some limits are lower where V8 is younger. */
  readonly node: number
}

export interface Target {
  /** `T5b` is the second half of T5. */
  readonly name: string
  readonly about: string
  readonly limit: number
  /** A limit that must be reached, not kept. */
  readonly atLeast?: boolean
  readonly unit: string
  readonly digits: number
  readonly value: number
  /** What equal arms differ by, in the same unit. NaN where it is no matter of time. */
  readonly spread: number
  readonly met: boolean
}

type Aim = Omit<Target, 'value' | 'spread' | 'met' | 'limit'> & {
  /** On Node.js before 24 and from it on, where they differ. */
  readonly limit: number | readonly [before24: number, from24: number]
  /** Undefined where it was not measured. */
  readonly of: (measured: Measured) => Value | undefined
}
type Value = readonly [value: number, spread: number]

const MANY = 10_000
/** What an arm adds to the main thread of what it is held against, in microseconds. */
const added = (group: string, arm: string) => (measured: Measured) => {
  const row = rowIn(measured, group, arm)
  return row && ([row.main.added, row.main.spread] as const)
}
/** And its whole cost as a part of that. */
const ratio = (group: string, arm: string) => (measured: Measured) => {
  const row = rowIn(measured, group, arm)
  return row && ([row.main.ratio, row.main.ratio * noise(row.main, row.costs.mainUs)] as const)
}
const atMany = (of: (result: ScaleResult) => number | undefined) => (measured: Measured) => {
  const result = measured.scale?.find((one) => one.of === 'endpoints' && one.size === MANY)
  return result && ([of(result) ?? Number.NaN, Number.NaN] as const)
}

const DISPATCHER = 'added to Pool.dispatch on the main thread, everything armed'
const AIMS: readonly Aim[] = [
  { name: 'T1', about: DISPATCHER, limit: [6, 3], unit: 'µs', digits: 1, of: added('http', 'mesh-armed') },
  {
    name: 'T2',
    about: '… and W3C propagation, nothing sampled',
    limit: [8, 5],
    unit: 'µs',
    digits: 1,
    of: added('http', 'mesh-propagation'),
  },
  {
    name: 'T3',
    about: '… and a sampled span, exported in batches',
    limit: 10,
    unit: 'µs',
    digits: 1,
    of: added('http', 'mesh-sampled'),
  },
  {
    name: 'T4',
    about: 'mesh.fetch, everything armed, over built-in fetch, main thread',
    limit: 0.5,
    unit: '×',
    digits: 2,
    of: ratio('http', 'mesh-fetch-armed'),
  },
  {
    name: 'T5',
    about: 'tulle on both sides over a pair of nginx, mutual TLS, all processes',
    limit: 0.7,
    unit: '×',
    digits: 2,
    of: overNginx,
  },
  {
    name: 'T5b',
    about: '… and p50 added to no mesh and no TLS',
    limit: 20,
    unit: 'µs',
    digits: 0,
    of: (measured) => {
      const row = rowIn(measured, 'sidecar', 'mesh')
      const again = rowIn(measured, 'sidecar', 'direct-again')
      return row && [row.addedP50Ms * 1000, Math.abs(again?.addedP50Ms ?? Number.NaN) * 1000]
    },
  },
  {
    name: 'T6',
    about: 'S1, a slow server: answered within a second',
    limit: 99.92,
    atLeast: true,
    unit: '%',
    digits: 2,
    of: slowServer,
  },
  {
    name: 'T7',
    about: 'one of 10,000 endpoints changes: from the judged answer until the picker uses it',
    limit: 20,
    unit: 'ms',
    digits: 1,
    of: atMany(({ updateMs }) => updateMs),
  },
  {
    name: 'T8',
    about: '… and the longest stall of the event loop meanwhile',
    limit: 10,
    unit: 'ms',
    digits: 1,
    of: atMany(({ stallMs }) => stallMs),
  },
  {
    name: 'T9',
    about: 'memory of an endpoint nobody calls, among 10,000',
    limit: 500,
    unit: 'B',
    digits: 0,
    of: atMany(({ bytesEach }) => bytesEach),
  },
  {
    name: 'T10',
    about: 'mesh.serve, added to http.Server on the main thread',
    limit: 6,
    unit: 'µs',
    digits: 1,
    of: added('inbound', 'mesh'),
  },
  {
    name: 'T11',
    about: 'gRPC, unary, everything armed, over grpc-js, client, main thread',
    limit: 1.1,
    unit: '×',
    digits: 2,
    of: ratio('grpc', 'client-mesh'),
  },
]

function overNginx(measured: Measured): Value | undefined {
  const mesh = rowIn(measured, 'sidecar', 'mesh')
  const nginx = rowIn(measured, 'sidecar', 'nginx')
  if (mesh === undefined || nginx === undefined) return undefined
  const value = mesh.total.ratio / nginx.total.ratio
  return [value, value * noise(mesh.total, mesh.costs.totalUs)]
}

function slowServer({ simulated }: Measured): Value | undefined {
  const [first] = SCENARIOS
  const of = simulated?.find((one) => one.scenario === first?.name && one.balance === 'peak-ewma')
  return of && [of.figures[0] ?? Number.NaN, Number.NaN]
}

const rowIn = ({ groups }: Measured, group: string, arm: string): Row | undefined => {
  const result = groups.find((one) => one.group === group)
  return result && rowsOf(result.arms, 'GET').find(({ name }) => name === arm)
}
/** What equal arms differ by, as a part of what their like costs. */
const noise = ({ spread, ratio: over }: Effect, us: readonly number[]): number => (spread * over) / median(us)

/** Those that were measured, in their order. */
export function targetsOf(measured: Measured): Target[] {
  return AIMS.flatMap(({ of, limit: limits, ...aim }) => {
    const found = of(measured)
    if (found === undefined) return []
    const [value, spread] = found
    const limit = typeof limits === 'number' ? limits : limits[measured.node >= 24 ? 1 : 0]
    return [{ ...aim, limit, value, spread, met: aim.atLeast === true ? value >= limit : value <= limit }]
  })
}

/** Whether everything that has a target was measured. */
export const complete = (targets: readonly Target[]): boolean => targets.length === AIMS.length
