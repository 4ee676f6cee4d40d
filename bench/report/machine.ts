import type { Machine } from '../results.ts'

/** What every table is printed under. */
export function machineReport(machine: Machine): string {
  const { date, node, v8, openssl, linux, cpu, cores, packages, pinned, concurrency, rate, pace } = machine
  const versions = Object.entries(packages).map(([name, version]) => `${name} ${version}`)
  return (
    `${date}, node ${node}, v8 ${v8}, openssl ${openssl}, linux ${linux}, ${cores} × ${cpu}\n` +
    `${versions.join(', ')}\n` +
    `${concurrency} at a time, ${rate} arrivals a second in open loops, ${pinned ? 'pinned' : 'not pinned'}; ` +
    `${pace.turns} ${pace.turns === 1 ? 'turn' : 'turns'} of ${pace.windows} windows of ${pace.windowMs} ms after ${pace.warmupMs} ms of warm-up or more\n`
  )
}
