import type { GroupResult } from '../results.ts'
import { percentile } from '../statistics.ts'

const FRACTIONS = [0.5, 0.9, 0.95, 0.99, 0.999, 1]

/** Groups for machines: every window, and percentiles of each in the place of thousands of latencies. */
export function jsonOf(results: readonly GroupResult[]): object[] {
  return results.map(({ arms, ...group }) => ({
    ...group,
    arms: arms.map(({ arm, costs, ...rest }) => ({
      ...arm,
      ...rest,
      costs: costs.map(({ latenciesMs, ...others }) => ({
        ...others,
        arrivals: latenciesMs.map(({ length }) => length),
        latencyMs: Object.fromEntries(
          FRACTIONS.map((fraction) => [
            `p${fraction * 100}`,
            latenciesMs.map((window) => percentile(window, fraction)),
          ]),
        ),
      })),
    })),
  }))
}
