import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rowsOf } from '../../bench/comparisons.ts'
import { cpuChart } from '../../bench/plot/cpu.ts'
import { latencyChart } from '../../bench/plot/latency.ts'
import { ticks } from '../../bench/plot/svg.ts'
import { measured } from './fixtures.ts'

const ARMS = [
  measured(
    { name: 'a', label: 'a < b & "c"' },
    { partsUs: { caller: [20], upstream: [30], proxies: [] }, latenciesMs: [[0.1, 0.2, 0.4]] },
  ),
  measured(
    { name: 'pair', label: 'pair' },
    { partsUs: { caller: [20], upstream: [30], proxies: [50] }, latenciesMs: [[1, 2, 4]] },
  ),
]
const rows = rowsOf(ARMS, 'GET')

/** Every element is closed, and text is escaped: what a strict reader asks. */
function wellFormed(svg: string): void {
  const open: string[] = []
  for (const [, closing, name = '', attributes = ''] of svg.matchAll(/<(\/?)([a-z]+)((?:\s[^<>]*?)?)\/?>/g)) {
    if (closing === '/') assert.equal(open.pop(), name)
    else if (!svg.includes(`<${name}${attributes}/>`)) open.push(name)
  }
  assert.deepEqual(open, [])
  assert.doesNotMatch(svg, /&(?!amp;|lt;|gt;|quot;)|NaN|Infinity|undefined/)
}

test('ticks are round, begin at nothing and reach over the most', () => {
  assert.deepEqual(ticks(100), [0, 20, 40, 60, 80, 100])
  assert.deepEqual(ticks(7.3), [0, 2, 4, 6, 8])
  assert.deepEqual(ticks(0), [0])
})

test('a bar has a piece for each process that paid, as long as what it paid', () => {
  const svg = cpuChart(rows, 'title', 'about')
  wellFormed(svg)
  const widths = [...svg.matchAll(/width="([\d.]+)" height="18"/g)].map(([, width]) => Number(width))
  assert.equal(widths.length, 5, 'the first has no proxies')
  assert.equal(widths[0], 100)
  assert.equal(widths[1], 150)
  assert.equal(widths[3], 250)
  assert.match(svg, /pair, proxies: 50\.0 µs/)
  assert.match(svg, /a &lt; b &amp; &quot;c&quot;/)
})

test('a line climbs with its percentiles, and one ten times as slow lies a decade above', () => {
  const svg = latencyChart(rows, 'title', 'about')
  wellFormed(svg)
  const lines = [...svg.matchAll(/points="([^"]+)"/g)].map(([, points = '']) =>
    points.split(' ').map((point) => point.split(',').map(Number) as [number, number]),
  )
  assert.equal(lines.length, 2)
  for (const points of lines)
    for (const [n, [x, y]] of points.entries()) {
      assert.ok(x >= (points[n - 1]?.[0] ?? 0))
      assert.ok(y <= (points[n - 1]?.[1] ?? 1000))
    }
  const decade = lines[0]![0]![1] - lines[1]![0]![1]
  assert.ok(Math.abs(decade - 340 / 2) < 0.2, `${decade}`)
})

test('an arm without latencies has no line', () => {
  assert.doesNotMatch(latencyChart(rowsOf([measured({ name: 'none' }, {})], 'GET'), 't', 'a'), /polyline/)
})
