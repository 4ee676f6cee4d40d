/** What a ratio may be at most: `bench/budgets.json`. Ratios alone, since times are a machine's. */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { root } from '../test/kit/root.ts'
import { METHODS } from './arms/arm.ts'
import { type Row, rowsOf } from './comparisons.ts'
import { GROUPS } from './groups.ts'
import { fixed } from './report/table.ts'
import type { GroupResult } from './results.ts'
import { memoryRatio, type ScaleResult } from './scale/run.ts'

const Budget = z.strictObject({
  group: z.enum(GROUPS),
  arm: z.string(),
  /** The arm it is divided by. */
  over: z.string(),
  method: z.enum(METHODS).optional(),
  /**
   * `main`: the application's main thread. `total`: all processes. `bytes`: allocated per call. `memory`: of one endpoint
   * among the most, over an unused Pool; the group `scale` alone.
   */
  of: z.enum(['main', 'total', 'bytes', 'memory']),
  atMost: z.number().positive(),
})
export type Budget = z.infer<typeof Budget>

/** Where equal arms differ by more, the machine is no place to judge; but what has doubled has doubled there too. */
const MOST_NOISE = 0.25

export interface Verdict {
  readonly budget: Budget
  readonly ratio: number
  /** The ratio without what equal arms differ by: what the budget is held against. */
  readonly certainly: number
  readonly kept: boolean
}

export function readBudgets(): Budget[] {
  return z.array(Budget).parse(JSON.parse(readFileSync(`${root}/bench/budgets.json`, 'utf8')))
}

/** Verdicts on what was measured; budgets of arms that were not are left out. */
export function judge(
  budgets: readonly Budget[],
  results: readonly GroupResult[],
  scale?: readonly ScaleResult[],
): Verdict[] {
  return budgets.flatMap((budget) => {
    if (budget.of === 'memory') {
      if (scale === undefined) return []
      const ratio = memoryRatio(scale)
      return [{ budget, ratio, certainly: ratio, kept: ratio <= budget.atMost }]
    }
    const result = results.find(({ group }) => group === budget.group)
    const rows = result === undefined ? [] : rowsOf(result.arms, budget.method ?? 'GET')
    const arm = rows.find(({ name }) => name === budget.arm)
    const over = rows.find(({ name }) => name === budget.over)
    if (result === undefined || arm === undefined || over === undefined) return []
    const ratio = leastOf(arm, budget.of) / leastOf(over, budget.of)
    const noise = noiseOf(result, rows, over.name, budget.of)
    const certainly = ratio * (1 - Math.min(noise, MOST_NOISE))
    // A ratio that is no number was not measured, which is no way to keep a budget.
    return [{ budget, ratio, certainly, kept: certainly <= budget.atMost }]
  })
}

type Of = Exclude<Budget['of'], 'memory'>

/** The least of its windows: whoever else uses the machine makes the others dearer, and none cheaper. */
function leastOf({ costs }: Row, of: Of): number {
  if (of === 'bytes') return costs.bytesPerCall
  return Math.min(...(of === 'main' ? costs.mainUs : costs.totalUs))
}

/** What equal arms differ by, as a part of what they cost: those that are like the reference, or else any. */
function noiseOf({ arms }: GroupResult, rows: readonly Row[], reference: string, of: Of): number {
  if (of === 'bytes') return 0
  const again = arms.find(({ arm }) => arm.again === reference) ?? arms.find(({ arm }) => arm.again)
  const [first, second] = [again?.arm.again, again?.arm.name].map((name) =>
    rows.find((row) => row.name === name),
  )
  if (first === undefined || second === undefined) return 0
  return Math.abs(leastOf(second, of) / leastOf(first, of) - 1)
}

/** The better of two looks at the same: a machine that was busy in one may have been quieter in the other. */
export function bestOf(first: readonly Verdict[], second: readonly Verdict[]): Verdict[] {
  return first.map((verdict) => {
    const again = second.find(({ budget }) => budget === verdict.budget)
    return again !== undefined && again.certainly < verdict.certainly ? again : verdict
  })
}

/** A line each. */
export function verdictsReport(verdicts: readonly Verdict[]): string {
  const lines = verdicts.map(
    ({ budget: { group, arm, over, method, of, atMost }, ratio, certainly, kept }) => {
      const measured = `× ${fixed(ratio, 2)}, less A/A × ${fixed(certainly, 2)}, at most × ${fixed(atMost, 2)}`
      return `${kept ? 'kept    ' : 'EXCEEDED'}  ${[group, method].join(' ').trim()}: ${arm} over ${over}, ${of}: ${measured}\n`
    },
  )
  return lines.length === 0 ? 'no budget is about what was measured\n' : lines.join('')
}
