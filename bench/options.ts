/** What `npm run bench --` takes, and how long everything may last. */
import { parseArgs } from 'node:util'
import { GROUPS, type Group } from './groups.ts'

/** How long an arm is warmed and looked at. One turn goes through all arms of a group; turns follow each other. */
export interface Pace {
  /** At least this long and so many calls, then until further rounds bring nothing (`warmth.ts`); but no longer than `warmupMostMs`. */
  readonly warmupMs: number
  readonly warmupCalls: number
  readonly warmupMostMs: number
  /** Before the windows of a turn, uncounted: connections that were closed while others had their turn are back. */
  readonly settleMs: number
  readonly turns: number
  /** Windows of each kind within a turn. */
  readonly windows: number
  readonly windowMs: number
  readonly openMs: number
  /** Calls whose allocations are sampled, once per arm. */
  readonly heapCalls: number
}

export interface Options {
  readonly groups: readonly Group[]
  readonly quick: boolean
  readonly concurrency: number
  /** Arrivals in a second where latency is measured. */
  readonly rate: number
  readonly pace: Pace
  readonly json: boolean
  readonly raw: boolean
  readonly check: boolean
  readonly plot: boolean
  readonly docs: boolean
  /** Only arms whose name contains it, beside the ones they are compared with. */
  readonly match: string | undefined
  readonly help: boolean
}

const FULL: Pace = {
  warmupMs: 2500,
  warmupCalls: 15_000,
  warmupMostMs: 4500,
  settleMs: 60,
  turns: 2,
  windows: 2,
  windowMs: 100,
  openMs: 150,
  heapCalls: 1500,
}
/**
 * A call of gRPC allocates so much that collections fall into some windows and not into others, unless a window has many.
 * It has few arms, so there is time for that.
 */
const LONGER: Partial<Record<Group, number>> = { grpc: 2 }

/** How long the windows of a group are. */
export const paceOf = (group: Group, pace: Pace): Pace => ({
  ...pace,
  windowMs: pace.windowMs * (LONGER[group] ?? 1),
})

const QUICK: Pace = {
  warmupMs: 700,
  warmupCalls: 6000,
  warmupMostMs: 1500,
  settleMs: 60,
  turns: 1,
  windows: 2,
  windowMs: 60,
  openMs: 60,
  heapCalls: 1000,
}

export const USAGE = `npm run bench -- [group …] [options]

groups     ${GROUPS.join(' ')}; default all
--quick    fewer arms and a look at each: for a check, not for figures
--turns n  how often all arms of a group are looked at (2; with --quick 1)
--concurrency n  calls at a time in closed loops (16)
--rate n   arrivals in a second in open loops (2000)
--match x  only arms whose name contains x, beside those they are compared with
--json     the results for machines, instead of tables
--raw      every window with the tables
--check    exit code 1 where a ratio is over what bench/budgets.json allows
--plot     SVG charts into bench/out, with --docs into docs/charts too
--docs     the tables into docs/performance.md
`

/** @throws Error in words for whoever typed it */
export function parseOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      turns: { type: 'string' },
      concurrency: { type: 'string', default: '16' },
      rate: { type: 'string', default: '2000' },
      match: { type: 'string' },
      json: { type: 'boolean', default: false },
      raw: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      plot: { type: 'boolean', default: false },
      docs: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const pace = values.quick ? QUICK : FULL
  const unknown = positionals.filter((name) => !GROUPS.includes(name as Group))
  if (unknown.length > 0)
    throw new Error(`no such group: ${unknown.join(', ')}; there are ${GROUPS.join(', ')}`)
  return {
    ...values,
    groups: positionals.length === 0 ? GROUPS : GROUPS.filter((group) => positionals.includes(group)),
    concurrency: count('--concurrency', values.concurrency),
    rate: count('--rate', values.rate),
    pace: values.turns === undefined ? pace : { ...pace, turns: count('--turns', values.turns) },
    match: values.match,
  }
}

function count(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`${name}: expected a whole number from 1, found "${text}"`)
  return value
}
