/** What it costs calls that the policy changes every second. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mainThreadUs } from '../cpu.ts'
import { APPLICATION_CORE, OTHER_CORE, Peer } from '../processes.ts'
import { median } from '../statistics.ts'

export interface ChurnSettings {
  readonly ports: readonly number[]
  /** In the policy, all of which change each time. */
  readonly services: number
  /** Where the policy is written. */
  readonly folder: string
}
export interface ChurnQuestion {
  readonly ms: number
  readonly churn: boolean
  readonly concurrency: number
}
export interface ChurnResult {
  readonly services: number
  /** Main-thread CPU per call by window, in microseconds. */
  readonly quietUs: number[]
  readonly churnUs: number[]
  /** The longest delay of the event loop in all windows, in milliseconds. */
  readonly quietStallMs: number
  readonly churnStallMs: number
}

/** Windows of both kinds in turn, in one process after a warm-up. */
export async function measureChurn(
  services: number,
  { windows, concurrency, warmupMs }: { windows: number; concurrency: number; warmupMs: number },
): Promise<ChurnResult> {
  const { peer: upstream, ready: ports } = await Peer.start<object, number[]>(
    OTHER_CORE,
    'upstream/main',
    { kind: 'socket' },
    'churn, upstream',
  )
  const folder = mkdtempSync(join(tmpdir(), 'tulle-bench-'))
  const settings: ChurnSettings = { ports, services, folder }
  try {
    const { peer } = await Peer.start<ChurnQuestion, string>(
      APPLICATION_CORE,
      'scale/churn-arm',
      settings,
      'churn',
    )
    try {
      return await compare(peer, services, { windows, concurrency, warmupMs })
    } finally {
      await peer.stop()
    }
  } finally {
    await upstream.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function compare(
  peer: Peer<ChurnQuestion>,
  services: number,
  { windows, concurrency, warmupMs }: { windows: number; concurrency: number; warmupMs: number },
): Promise<ChurnResult> {
  const us: Record<'quiet' | 'churn', number[]> = { quiet: [], churn: [] }
  const stalls = { quiet: 0, churn: 0 }
  await peer.ask({ ms: warmupMs, churn: false, concurrency })
  for (let n = 0; n < windows; n++)
    for (const kind of ['quiet', 'churn'] as const) {
      const from = mainThreadUs(peer.pid)
      const { calls, stallMs } = await peer.ask<{ calls: number; stallMs: number }>({
        ms: 2500,
        churn: kind === 'churn',
        concurrency,
      })
      us[kind].push((mainThreadUs(peer.pid) - from) / calls)
      stalls[kind] = Math.max(stalls[kind], stallMs)
    }
  return {
    services,
    quietUs: us.quiet,
    churnUs: us.churn,
    quietStallMs: stalls.quiet,
    churnStallMs: stalls.churn,
  }
}

export const churnReport = ({
  services,
  quietUs,
  churnUs,
  quietStallMs,
  churnStallMs,
}: ChurnResult): string =>
  `a policy of ${services} services, all of which change every second, while calls are made: ` +
  `${median(churnUs).toFixed(1)} µs of the main thread a call, without changes ${median(quietUs).toFixed(1)}; ` +
  `the longest delay of the event loop ${churnStallMs.toFixed(0)} ms, without changes ${quietStallMs.toFixed(0)}\n`
