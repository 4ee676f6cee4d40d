/**
 * What a call costs a gRPC server of the mesh over a bare `Server` of grpc-js: `node dist/bench/grpc-inbound.js [--smoke]
 * [--rounds 5]`.
 *
 * CPU time per call of the server process, by its own `process.cpuUsage` (`bench/README.md`): 16 unary calls in a closed
 * loop over one connection, answers of 1 KB, the same handler in every arm, every arm in fresh processes, arms interleaved
 * round by round, server on one core and caller on the other where `taskset` exists. `bare` twice is the A/A arm.
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
  warmupUnits,
  windowMs,
  windows,
} from './measure.ts'

const ARMS = ['bare', 'mesh', 'bare', 'bare-tls', 'mesh-tls'] as const
const LABELS = [
  'grpc-js Server (A)',
  'serve',
  'grpc-js Server (A again)',
  'grpc-js Server, mutual TLS',
  'serve, strict',
] as const
const certificates = makeCertificates()
const settings = [windows, windowMs, warmupMs, warmupUnits, certificates]

async function measure(arm: string): Promise<number[]> {
  const server = start(0, 'grpc-inbound-arm.js', [arm, ...settings])
  const { port } = await said<{ port: number }>(server, [])
  const secured = arm.endsWith('tls') ? [certificates] : []
  const load = start(1, 'grpc-load.js', [port, concurrency, ...secured])
  const { perCall } = await said<{ perCall: number[] }>(server, [load])
  load.disconnect()
  await once(load, 'exit')
  server.disconnect()
  await once(server, 'exit')
  return perCall
}

const samples: number[][] = ARMS.map(() => [])
for (let round = 0; round < rounds; round++) {
  for (const [index, arm] of ARMS.entries()) {
    const perCall = await measure(arm)
    samples[index]!.push(...perCall)
    printProgress(round, LABELS[index]!, perCall)
  }
}
rmSync(certificates, { recursive: true })

printTable('server CPU per call, µs', LABELS, samples, '@grpc/grpc-js')
const [bare = Number.NaN, mesh = Number.NaN, again = Number.NaN, tls = Number.NaN, strict = Number.NaN] =
  samples.map(median)
const share = (added: number, base: number): string =>
  `${added.toFixed(1)} µs (${((added / base) * 100).toFixed(1)} %)`
process.stdout.write(
  `\nadded by the mesh over a Server: ${share(mesh - bare, bare)}, A/A: ${Math.abs(again - bare).toFixed(1)} µs\n`,
)
process.stdout.write(`and with mutual TLS: ${share(strict - tls, tls)}\n`)
