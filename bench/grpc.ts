/**
 * What a gRPC call through the mesh costs over bare grpc-js: `node dist/bench/grpc.js [--smoke] [--rounds 5]`.
 *
 * CPU time per call of the client process, and per message of a server stream (`bench/README.md`): a closed loop of 16
 * calls, answers of 1 KB, one connection, every arm in fresh processes, arms interleaved round by round, client on one
 * core and server on the other where `taskset` exists. The A/A arms show the noise: a difference below it means nothing.
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
  warmupUnits,
  windowMs,
  windows,
} from './measure.ts'

const ARMS = {
  bare: 'grpc-js (A)',
  mesh: 'mesh',
  'bare-again': 'grpc-js (A again)',
  'bare-tls': 'grpc-js, mutual TLS',
  'mesh-tls': 'mesh, strict',
  'bare-stream': 'stream, grpc-js (A)',
  'mesh-stream': 'stream, mesh',
  'bare-stream-again': 'stream, grpc-js (A again)',
} as const
type Arm = keyof typeof ARMS

interface Result {
  readonly perUnit: number[]
  readonly perSecond: number[]
}

const certificates = makeCertificates()
const arms = Object.keys(ARMS) as Arm[]
const results = new Map<Arm, Result>(arms.map((arm) => [arm, { perUnit: [], perSecond: [] }]))
for (let round = 0; round < rounds; round++) {
  for (const arm of arms) {
    const server = start(1, 'grpc-server.js', arm.includes('tls') ? [certificates] : [])
    const port = await portOf(server)
    const settings = [concurrency, windows, windowMs, warmupMs, warmupUnits, certificates]
    const child = start(0, 'grpc-arm.js', [arm, port, ...settings])
    const { perUnit, perSecond } = (await resultOf(child, arm)) as Result
    server.kill()
    results.get(arm)!.perUnit.push(...perUnit)
    results.get(arm)!.perSecond.push(...perSecond)
    printProgress(round, ARMS[arm], perUnit)
  }
}
rmSync(certificates, { recursive: true })

function table(title: string, chosen: readonly Arm[], of: keyof Result): void {
  const labels = chosen.map((arm) => ARMS[arm])
  const samples = chosen.map((arm) => results.get(arm)![of])
  printTable(title, labels, samples, '@grpc/grpc-js')
}

function compare(what: string, bare: Arm, mesh: Arm, again?: Arm): void {
  const base = median(results.get(bare)!.perUnit)
  const added = median(results.get(mesh)!.perUnit) - base
  const noise = again && `, A/A: ${Math.abs(median(results.get(again)!.perUnit) - base).toFixed(1)} µs`
  const share = ((added / base) * 100).toFixed(1)
  process.stdout.write(`${what}: ${added.toFixed(1)} µs (${share} %${noise ?? ''})\n`)
}

const streams = arms.filter((arm) => arm.includes('stream'))
table(
  'client CPU per call, µs',
  arms.filter((arm) => !arm.includes('stream')),
  'perUnit',
)
table('client CPU per message, µs', streams, 'perUnit')
table('thousand messages a second', streams, 'perSecond')
process.stdout.write('\nadded by the mesh over grpc-js\n')
compare('a unary call', 'bare', 'mesh', 'bare-again')
compare('a unary call over mutual TLS', 'bare-tls', 'mesh-tls')
compare('a message of a server stream', 'bare-stream', 'mesh-stream', 'bare-stream-again')
