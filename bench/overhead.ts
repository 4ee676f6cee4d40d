/**
 * What a call through the mesh costs over a bare undici pool: `node dist/bench/overhead.js [--smoke] [--rounds 5]`.
 *
 * CPU time per call of the client process (`bench/README.md`): a closed loop of 16 calls, GET, 1 KB answers over
 * HTTP/1.1 keep-alive, every arm in fresh processes, arms interleaved round by round, client on one core and server
 * on the other where `taskset` exists. The A/A arm (`pool` twice) shows the noise: a difference below it means nothing.
 */
import { rmSync } from 'node:fs'
import { makeCertificates } from './certificates.ts'
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

const ARMS = ['pool', 'pool', 'mesh', 'pool-tls', 'mesh-mtls', 'fetch', 'mesh-fetch'] as const
const LABELS = [
  'pool (A)',
  'pool (A again)',
  'mesh.dispatcher',
  'pool over mutual TLS',
  'mesh.dispatcher, strict',
  'built-in fetch',
  'mesh.fetch',
] as const

const certificates = makeCertificates()
const samples: number[][] = ARMS.map(() => [])
for (let round = 0; round < rounds; round++) {
  for (const [index, arm] of ARMS.entries()) {
    // One upstream at a time: none of them ever sleeps, and they share a core.
    const server = start(1, 'server.js', arm.endsWith('tls') ? [certificates] : [])
    const port = await portOf(server)
    const child = start(0, 'arm.js', [arm, port, concurrency, windows, windowMs, warmupMs, certificates])
    const { perCall } = (await resultOf(child, arm)) as { perCall: number[] }
    server.kill()
    samples[index]!.push(...perCall)
    printProgress(round, LABELS[index]!, perCall)
  }
}
rmSync(certificates, { recursive: true })

printTable('client CPU per call, µs', LABELS, samples)
const [a = [], again = [], mesh = [], tls = [], strict = [], fetched = [], meshFetched = []] = samples
process.stdout.write(
  `\nadded by the mesh over the pool: ${(median(mesh) - median(a)).toFixed(1)} µs (A/A: ${Math.abs(median(again) - median(a)).toFixed(1)} µs)\n`,
)
process.stdout.write(
  `added by mutual TLS to a pool: ${(median(tls) - median(a)).toFixed(1)} µs; by the mesh to that: ${(median(strict) - median(tls)).toFixed(1)} µs\n`,
)
process.stdout.write(
  `mesh.fetch against built-in fetch: ×${(median(meshFetched) / median(fetched)).toFixed(2)}\n`,
)
