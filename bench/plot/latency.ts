import type { Row } from '../comparisons.ts'
import { typical } from '../statistics.ts'
import { chart, INK, line, path, strokeOf, text } from './svg.ts'

const WIDTH = 860
const LEFT = 70
const RIGHT = 300
const TOP = 64
const HEIGHT = 340
/** Drawn by how many nines: the last ones are where arms differ. Of some hundreds of calls in a window there is no third. */
const FRACTIONS = [0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99] as const
const NINES = 2
const NAMED: readonly number[] = [0, 0.5, 0.75, 0.9, 0.95, 0.99]

/** Latency by percentile, both axes logarithmic: nines to the right, decades up. */
export function latencyChart(rows: readonly Row[], title: string, about: string): string {
  const lines = rows
    .filter(({ costs }) => costs.latenciesMs.length > 0)
    .map(({ label, costs }) => ({ label, us: FRACTIONS.map((p) => typical(costs.latenciesMs, p) * 1000) }))
  const all = lines.flatMap(({ us }) => us).filter((us) => us > 0)
  const from = Math.floor(Math.log10(Math.min(...all, 100)))
  const to = Math.max(from + 1, Math.ceil(Math.log10(Math.max(...all, 100))))
  const right = WIDTH - RIGHT
  const bottom = TOP + HEIGHT
  const x = (fraction: number): number => LEFT + ((right - LEFT) * -Math.log10(1 - fraction)) / NINES
  const y = (us: number): number =>
    bottom - (HEIGHT * (Math.log10(Math.max(us, 10 ** from)) - from)) / (to - from)
  const decades = Array.from({ length: to - from + 1 }, (_, n) => 10 ** (from + n))
  const body = [
    ...decades.flatMap((us) => [
      line(LEFT, y(us), right, y(us)),
      text(LEFT - 8, y(us) + 4, shown(us), 'end', 11),
    ]),
    ...NAMED.flatMap((p) => [
      line(x(p), TOP, x(p), bottom),
      text(x(p), bottom + 18, p === 0 ? 'least' : `p${Number((p * 100).toFixed(1))}`, 'middle', 11),
    ]),
    line(LEFT, bottom, right, bottom, { colour: INK }),
    line(LEFT, TOP, LEFT, bottom, { colour: INK }),
    ...lines.flatMap(({ label, us }, n) => {
      const stroke = strokeOf(n)
      const points = us.map((value, at) => [x(FRACTIONS[at]!), y(value)] as const)
      const height = TOP + 8 + n * 18
      return [
        path(points, stroke, label),
        line(right + 16, height, right + 46, height, stroke),
        text(right + 52, height + 4, label, 'start', 11),
      ]
    }),
  ]
  return chart(WIDTH, Math.max(bottom + 34, TOP + 8 + lines.length * 18 + 16), title, about, body)
}

const shown = (us: number): string => (us >= 1000 ? `${us / 1000} ms` : `${us} µs`)
