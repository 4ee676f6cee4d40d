import { balancers } from '../../src/balance/index.ts'
import { type Column, fixed, tableOf } from '../report/table.ts'
import { median } from '../statistics.ts'
import { SCENARIOS, type Scenario } from './scenarios.ts'

/** What each balancer did in one scenario, by figure. */
export interface Outcome {
  readonly scenario: string
  readonly balance: string
  readonly figures: readonly number[]
}

/** Every scenario with every balancer; each figure is the median over the seeds. */
export function simulate(seeds: readonly number[], tell: (line: string) => void): Outcome[] {
  return SCENARIOS.flatMap((scenario) =>
    balancers.map(({ name: balance }) => {
      tell(`${scenario.name} ${balance}`)
      const runs = seeds.map((seed) => scenario.run(balance, seed))
      const figures = scenario.figures.map((_, n) => median(runs.map((run) => run[n] ?? Number.NaN)))
      return { scenario: scenario.name, balance, figures }
    }),
  )
}

/** All balancers and all scenarios in one table: a line per figure. */
export function simulationReport(outcomes: readonly Outcome[]): string {
  const lines = SCENARIOS.flatMap((scenario) =>
    scenario.figures.map((figure, n) => ({ scenario, title: figure.title, digits: figure.digits, n })),
  )
  type Line = (typeof lines)[number]
  const columns: Column<Line>[] = [
    { title: 'simulate', of: ({ scenario, n }) => (n === 0 ? scenario.name : ''), align: 'left' },
    { title: '', of: ({ title }) => title, align: 'left' },
    ...balancers.map(({ name: balance }) => ({
      title: balance,
      of: ({ scenario, n, digits }: Line) => fixed(figureOf(outcomes, scenario, balance, n), digits),
    })),
  ]
  return `${tableOf(columns, lines)}\n${SCENARIOS.map(({ name, about }) => `${name}: ${about}\n`).join('')}`
}

const figureOf = (outcomes: readonly Outcome[], { name }: Scenario, balance: string, n: number): number =>
  outcomes.find((one) => one.scenario === name && one.balance === balance)?.figures[n] ?? Number.NaN
