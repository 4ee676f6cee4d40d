/** The tables of the groups whose arms are calls. */
import type { Method } from '../arms/arm.ts'
import { type Row, rowsOf } from '../comparisons.ts'
import type { GroupResult, Machine, Part } from '../results.ts'
import { median, percentile } from '../statistics.ts'
import { type Column, fixed, signed, tableOf } from './table.ts'

const ABOUT: Readonly<Record<string, string>> = {
  http: 'calls over plain HTTP/1.1',
  tls: 'calls over mutual TLS',
  sidecar: 'service to service over mutual TLS: in process, and through pairs of sidecars',
  inbound: 'requests that arrive: the application is the server',
  grpc: 'gRPC, unary',
}

const part = (name: Part) => (row: Row) => {
  const us = median(row.costs.partsUs[name])
  return us > 0 ? fixed(us) : ''
}
const rangeOf = (values: readonly number[]): string =>
  values.length === 0 ? '' : `${fixed(Math.min(...values))}–${fixed(Math.max(...values))}`
const unlessReference = (of: (row: Row) => string) => (row: Row) => (row.against === undefined ? '' : of(row))

const COLUMNS: readonly Column<Row>[] = [
  { title: '', of: ({ label }) => label, align: 'left' },
  { title: 'main', of: ({ costs }) => fixed(median(costs.mainUs)) },
  { title: 'min–max', of: ({ costs }) => rangeOf(costs.mainUs) },
  { title: 'added', of: unlessReference(({ main }) => signed(main.added)) },
  { title: '±A/A', of: ({ main }) => fixed(main.spread) },
  { title: '×', of: unlessReference(({ main }) => `${fixed(main.ratio, 2)}${main.certain ? '' : ' ?'}`) },
  { title: 'total', of: ({ costs }) => fixed(median(costs.totalUs)) },
  { title: 'added', of: unlessReference(({ total }) => signed(total.added)) },
  { title: '±A/A', of: ({ total }) => fixed(total.spread) },
  { title: 'caller', of: part('caller') },
  { title: 'upstream', of: part('upstream') },
  { title: 'proxies', of: part('proxies') },
  { title: 'p50', of: ({ p50Ms }) => fixed(p50Ms * 1000, 0) },
  { title: 'added', of: unlessReference(({ addedP50Ms }) => signed(addedP50Ms * 1000, 0)) },
  { title: 'p99', of: ({ p99Ms }) => fixed(p99Ms * 1000, 0) },
  { title: 'added', of: unlessReference(({ addedP99Ms }) => signed(addedP99Ms * 1000, 0)) },
  { title: 'bytes', of: ({ costs }) => fixed(costs.bytesPerCall, 0) },
  {
    title: 'sockets',
    of: ({ sockets, socketsInWindows }) =>
      `${sockets}${socketsInWindows > 0 ? ` (${socketsInWindows})` : ''}`,
  },
]

export function callsReport(result: GroupResult, machine: Machine, raw: boolean): string {
  const methods = [...new Set(result.arms.flatMap(({ costs }) => costs.map(({ method }) => method)))]
  const head =
    `${result.group}: ${ABOUT[result.group] ?? ''}\n` +
    `${result.seconds.toFixed(0)} s, load ${result.loads.before.toFixed(1)} before and ${result.loads.after.toFixed(1)} after\n`
  return head + methods.map((method) => methodReport(result, method, machine, raw)).join('')
}

function methodReport(result: GroupResult, method: Method, machine: Machine, raw: boolean): string {
  const rows = rowsOf(result.arms, method)
  const legend =
    `\n${result.group === 'grpc' ? 'unary' : method}, 1 KB answers, ${machine.concurrency} at a time; µs of processor time per call ` +
    `(main: the application's main thread; total: all processes), µs of latency at ${machine.rate} arrivals a second\n`
  return legend + tableOf(COLUMNS, rows) + (raw ? windowsOf(rows) : '')
}

const p99Us = (latenciesMs: readonly number[]): string => fixed(percentile(latenciesMs, 0.99) * 1000, 0)

/** Every window as it was taken. */
function windowsOf(rows: readonly Row[]): string {
  const shown = (values: readonly number[]): string => values.map((value) => value.toFixed(1)).join(' ')
  const columns: readonly Column<Row>[] = [
    { title: 'windows', of: ({ label }) => label, align: 'left' },
    { title: 'calls', of: ({ costs }) => String(costs.calls) },
    { title: 'main', of: ({ costs }) => shown(costs.mainUs), align: 'left' },
    { title: 'total', of: ({ costs }) => shown(costs.totalUs), align: 'left' },
    { title: 'p99', of: ({ costs }) => costs.latenciesMs.map(p99Us).join(' '), align: 'left' },
  ]
  return `\n${tableOf(columns, rows)}`
}
