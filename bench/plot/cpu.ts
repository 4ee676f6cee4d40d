import type { Row } from '../comparisons.ts'
import type { Part } from '../results.ts'
import { median } from '../statistics.ts'
import { box, COLOURS, chart, INK, line, text, ticks } from './svg.ts'

const WIDTH = 860
const LEFT = 300
const RIGHT = 60
const TOP = 76
const BAR = 18
const GAP = 8
const PARTS: readonly Part[] = ['caller', 'proxies', 'upstream']

/** CPU per request as bars, one piece for each process that paid. */
export function cpuChart(rows: readonly Row[], title: string, about: string): string {
  const most = Math.max(...rows.map(({ costs }) => sum(PARTS.map((part) => usOf(costs.partsUs[part])))), 0)
  const marks = ticks(most)
  const scale = (WIDTH - LEFT - RIGHT) / (marks.at(-1) || 1)
  const bottom = TOP + rows.length * (BAR + GAP)
  const grid = marks.flatMap((mark) => [
    line(LEFT + mark * scale, TOP - 6, LEFT + mark * scale, bottom),
    text(LEFT + mark * scale, bottom + 16, `${Number(mark.toFixed(2))} µs`, 'middle', 11),
  ])
  const bars = rows.flatMap((row, n) => {
    const y = TOP + n * (BAR + GAP)
    let x = LEFT
    const pieces = PARTS.map((part, colour) => {
      const us = usOf(row.costs.partsUs[part])
      const piece =
        us > 0
          ? box(x, y, us * scale, BAR, COLOURS[colour]!, `${row.label}, ${part}: ${us.toFixed(1)} µs`)
          : ''
      x += us * scale
      return piece
    })
    const total = ((x - LEFT) / scale).toFixed(1)
    return [text(LEFT - 8, y + 13, row.label, 'end'), ...pieces, text(x + 6, y + 13, total, 'start', 11)]
  })
  const legend = PARTS.flatMap((part, n) => [
    box(LEFT + n * 110, 52, 12, 12, COLOURS[n]!, part),
    text(LEFT + n * 110 + 18, 62, part),
  ])
  const body = [...legend, ...grid, line(LEFT, TOP - 6, LEFT, bottom, { colour: INK }), ...bars].filter(
    (one) => one !== '',
  )
  return chart(WIDTH, bottom + 32, title, about, body)
}

const usOf = (values: readonly number[]): number => (values.length === 0 ? 0 : median(values))
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
