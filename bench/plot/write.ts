import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../test/kit/root.ts'
import { METHODS, type Method } from '../arms/arm.ts'
import { rowsOf } from '../comparisons.ts'
import type { GroupResult, Machine } from '../results.ts'
import { cpuChart } from './cpu.ts'
import { latencyChart } from './latency.ts'

export const OUT = join(root, 'bench', 'out')
/** What the page of the documentation shows. */
export const PAGE_CHARTS = join(root, 'docs', 'charts')

/** Two charts for each group and each of the methods. Returns their paths. */
export function writeCharts(
  results: readonly GroupResult[],
  machine: Machine,
  folder: string,
  methods: readonly Method[] = METHODS,
): string[] {
  mkdirSync(folder, { recursive: true })
  return results.flatMap((result) => {
    return methods.flatMap((method) => {
      const rows = rowsOf(result.arms, method)
      if (rows.length === 0) return []
      const about = `${machine.date}, node ${machine.node}, ${machine.cores} × ${machine.cpu}, load ${result.loads.before.toFixed(1)} to ${result.loads.after.toFixed(1)}`
      const what = `${result.group}, ${result.group === 'grpc' ? 'unary' : method}`
      const cpu = cpuChart(
        rows,
        `${what}: CPU per request by process, ${machine.concurrency} at a time`,
        about,
      )
      const latency = latencyChart(rows, `${what}: latency at ${machine.rate} arrivals a second`, about)
      return [
        written(join(folder, `${result.group}-${method.toLowerCase()}-cpu.svg`), cpu),
        written(join(folder, `${result.group}-${method.toLowerCase()}-latency.svg`), latency),
      ]
    })
  })
}

function written(path: string, svg: string): string {
  writeFileSync(path, svg)
  return path
}
