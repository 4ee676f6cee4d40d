/** What each arm costs beside the one it is held against. */
import type { Method } from './arms/arm.ts'
import type { ArmResult, Costs } from './results.ts'
import { type Effect, effectOf, median, spreadOf, typical } from './statistics.ts'

/** One line of a table: an arm with one method. */
export interface Row {
  readonly name: string
  readonly label: string
  readonly method: Method
  readonly against: string | undefined
  readonly costs: Costs
  readonly main: Effect
  readonly total: Effect
  readonly p50Ms: number
  readonly p99Ms: number
  readonly addedP50Ms: number
  readonly addedP99Ms: number
  readonly sockets: number
  readonly socketsInWindows: number
}

type Kind = 'mainUs' | 'totalUs'

/** Rows of one method, in the order of the arms. */
export function rowsOf(arms: readonly ArmResult[], method: Method): Row[] {
  const costsOf = (name: string | undefined): Costs | undefined =>
    arms.find(({ arm }) => arm.name === name)?.costs.find((costs) => costs.method === method)
  return arms.flatMap((result) => {
    const { arm } = result
    const costs = costsOf(arm.name)
    if (costs === undefined) return []
    const reference = costsOf(arm.against) ?? costs
    const effect = (kind: Kind): Effect => {
      const compared = effectOf(costs[kind], reference[kind], undefined)
      const spread = spreadAt(arms, method, arm.against ?? arm.name, reference, kind)
      return { ...compared, spread, certain: Math.abs(compared.added) > spread }
    }
    const p = (of: Costs, fraction: number): number => typical(of.latenciesMs, fraction)
    return [
      {
        name: arm.name,
        label: arm.label,
        method,
        against: arm.against,
        costs,
        main: effect('mainUs'),
        total: effect('totalUs'),
        p50Ms: p(costs, 0.5),
        p99Ms: p(costs, 0.99),
        addedP50Ms: p(costs, 0.5) - p(reference, 0.5),
        addedP99Ms: p(costs, 0.99) - p(reference, 0.99),
        sockets: result.sockets,
        socketsInWindows: result.socketsInWindows,
      },
    ]
  })
}

/**
 * How far equal arms are apart where the reference is: its own second run, or else that of another arm of the group,
 * in proportion.
 */
function spreadAt(
  arms: readonly ArmResult[],
  method: Method,
  reference: string,
  costs: Costs,
  kind: Kind,
): number {
  const again = arms.find(({ arm }) => arm.again === reference) ?? arms.find(({ arm }) => arm.again)
  const first = arms.find(({ arm }) => arm.name === again?.arm.again)
  const of = (result: ArmResult | undefined): readonly number[] =>
    result?.costs.find((one) => one.method === method)?.[kind] ?? []
  if (again === undefined || of(first).length === 0 || of(again).length === 0) return Number.NaN
  return (spreadOf(of(first), of(again)) * median(costs[kind])) / median(of(first))
}
