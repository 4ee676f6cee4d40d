/**
 * What a call through the mesh costs over a bare undici pool: `node dist/bench/overhead.js [--smoke] [--rounds 5]`.
 *
 * CPU time per call of the client process (`bench/README.md`): a closed loop of 16 calls, GET, 1 KB answers over
 * HTTP/1.1 keep-alive, every arm in fresh processes, arms interleaved round by round, client on one core and server
 * on the other where `taskset` exists. The A/A arm (`pool` twice) shows the noise: a difference below it means nothing.
 */
import {
  concurrency,
  median,
  portOf,
  printProgress,
  printTable,
  resultOf,
  rounds,
  start,
  warmupMs,
  windowMs,
  windows,
} from './measure.ts'

const ARMS = ['pool', 'pool', 'mesh', 'fetch', 'mesh-fetch'] as const
const LABELS = ['pool (A)', 'pool (A again)', 'mesh.dispatcher', 'built-in fetch', 'mesh.fetch'] as const

const server = start(1, 'server.js', [])
const origin = `http://127.0.0.1:${await portOf(server)}`

const samples: number[][] = ARMS.map(() => [])
for (let round = 0; round < rounds; round++) {
  for (const [index, arm] of ARMS.entries()) {
    const child = start(0, 'arm.js', [arm, origin, concurrency, windows, windowMs, warmupMs])
    const { perCall } = (await resultOf(child, arm)) as { perCall: number[] }
    samples[index]!.push(...perCall)
    printProgress(round, LABELS[index]!, perCall)
  }
}
server.kill()

printTable('client CPU per call, µs', LABELS, samples)
const [a = [], again = [], mesh = [], fetched = [], meshFetched = []] = samples
process.stdout.write(
  `\nadded by the mesh over the pool: ${(median(mesh) - median(a)).toFixed(1)} µs (A/A: ${Math.abs(median(again) - median(a)).toFixed(1)} µs)\n`,
)
process.stdout.write(
  `mesh.fetch against built-in fetch: ×${(median(meshFetched) / median(fetched)).toFixed(2)}\n`,
)
