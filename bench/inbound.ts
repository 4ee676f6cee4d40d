/**
 * What a request costs a server of the mesh over a bare `http.Server`: `node dist/bench/inbound.js [--smoke] [--rounds 5]`.
 *
 * CPU time per request of the server process, by its own `process.cpuUsage` (`bench/README.md`): 16 callers in a
 * closed loop, GET, 1 KB answers, the same handler in every arm, every arm in fresh processes, arms interleaved round
 * by round, server on one core and callers on the other where `taskset` exists. `bare` twice is the A/A arm.
 */
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { makeCertificates } from './certificates.ts'
import {
  concurrency,
  median,
  printProgress,
  printTable,
  rounds,
  said,
  start,
  warmupMs,
  windowMs,
  windows,
} from './measure.ts'

const ARMS = ['bare', 'mesh', 'bare', 'bare-tls', 'mesh-mtls'] as const
const LABELS = [
  'http.Server (A)',
  'mesh.serve',
  'http.Server (A again)',
  'https.Server, mutual TLS',
  'mesh.serve, strict',
] as const
const certificates = makeCertificates()

async function measure(arm: string): Promise<number[]> {
  const server = start(0, 'inbound-arm.js', [arm, windows, windowMs, warmupMs, certificates])
  const { port } = await said<{ port: number }>(server, [])
  const load = start(1, 'load.js', [port, concurrency, ...(arm.endsWith('tls') ? [certificates] : [])])
  const { perRequest } = await said<{ perRequest: number[] }>(server, [load])
  load.disconnect()
  await once(load, 'exit')
  server.disconnect()
  await once(server, 'exit')
  return perRequest
}

const samples: number[][] = ARMS.map(() => [])
for (let round = 0; round < rounds; round++) {
  for (const [index, arm] of ARMS.entries()) {
    const perRequest = await measure(arm)
    samples[index]!.push(...perRequest)
    printProgress(round, LABELS[index]!, perRequest)
  }
}
rmSync(certificates, { recursive: true })

printTable('server CPU per request, µs', LABELS, samples)
const [a = [], mesh = [], again = [], tls = [], strict = []] = samples
process.stdout.write(
  `\nadded by the mesh over http.Server: ${(median(mesh) - median(a)).toFixed(1)} µs (A/A: ${Math.abs(median(again) - median(a)).toFixed(1)} µs)\n`,
)
process.stdout.write(
  `added by mutual TLS to http.Server: ${(median(tls) - median(a)).toFixed(1)} µs; by the mesh to that: ${(median(strict) - median(tls)).toFixed(1)} µs\n`,
)
