/** What grows with the number of endpoints and of services. */
import { APPLICATION_CORE, Peer } from '../processes.ts'
import { type Column, fixed, tableOf } from '../report/table.ts'

export interface ScaleSettings {
  readonly of: 'endpoints' | 'services' | 'pools'
  readonly size: number
}

export interface ScaleResult extends ScaleSettings {
  readonly bytesEach: number
  readonly pickNs?: number
  readonly matchNs?: number
  /** Until a set in which one has changed is in force, and the longest turn of the event loop in it. */
  readonly updateMs?: number
  readonly stallMs?: number
  readonly compileMs?: number
}

const SIZES: readonly ScaleSettings[] = [
  ...[10, 100, 1000, 10_000].map((size) => ({ of: 'endpoints' as const, size })),
  { of: 'pools', size: 1000 },
  ...[10, 100, 1000].map((size) => ({ of: 'services' as const, size })),
]

export async function measureScale(tell: (line: string) => void): Promise<ScaleResult[]> {
  const results: ScaleResult[] = []
  for (const settings of SIZES) {
    tell(`scale: ${settings.size} ${settings.of}`)
    const { peer } = await Peer.start<object, null>(APPLICATION_CORE, 'scale/arm', settings, 'scale', [
      '--expose-gc',
    ])
    results.push({ ...settings, ...(await peer.ask<Omit<ScaleResult, 'of' | 'size'>>({})) })
    await peer.stop()
  }
  return results
}

const of = (value: number | undefined, digits: number): string => fixed(value ?? Number.NaN, digits)
const COLUMNS: readonly Column<ScaleResult>[] = [
  { title: 'scale', of: ({ of: what, size }) => `${size} ${WORDS[what]}`, align: 'left' },
  { title: 'bytes each', of: ({ bytesEach }) => fixed(bytesEach, 0) },
  { title: 'pick, ns', of: ({ pickNs }) => of(pickNs, 0) },
  { title: 'one changes, ms', of: ({ updateMs }) => of(updateMs, 2) },
  { title: 'stall, ms', of: ({ stallMs }) => of(stallMs, 2) },
  { title: 'match, ns', of: ({ matchNs }) => of(matchNs, 0) },
  { title: 'read and compiled, ms', of: ({ compileMs }) => of(compileMs, 2) },
]
const WORDS = {
  endpoints: 'endpoints',
  services: 'services in one policy, two routes each',
  pools: 'undici Pools that nobody uses',
} as const

export const scaleReport = (results: readonly ScaleResult[]): string => tableOf(COLUMNS, results)

/** For the budgets: memory of one endpoint where there are most, over an unused Pool. */
export function memoryRatio(results: readonly ScaleResult[]): number {
  const bytes = (what: ScaleSettings['of']): number =>
    results.filter((one) => one.of === what).at(-1)?.bytesEach ?? Number.NaN
  return bytes('endpoints') / bytes('pools')
}
