/**
 * What a call through the mesh costs over a bare undici pool: `npm run bench [-- --smoke] [-- --rounds 5]`.
 *
 * CPU time per call of the client process (PERFORMANCE method): a closed loop of 16 calls, GET, 1 KB answers over
 * HTTP/1.1 keep-alive, every arm in fresh processes, arms interleaved round by round, client on one core and server
 * on the other where `taskset` exists. The A/A arm (`pool` twice) shows the noise: a difference below it means nothing.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { release } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const smoke = process.argv.includes('--smoke')
const option = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(name)
  return at < 0 ? fallback : Number(process.argv[at + 1])
}
const rounds = option('--rounds', smoke ? 1 : 5)
const windows = smoke ? 2 : 4
const windowMs = smoke ? 250 : 1000
const warmupMs = smoke ? 500 : 2500
const concurrency = option('--concurrency', 16)
const ARMS = ['pool', 'pool', 'mesh', 'fetch', 'mesh-fetch'] as const
const LABELS = ['pool (A)', 'pool (A again)', 'mesh.dispatcher', 'built-in fetch', 'mesh.fetch'] as const

const pinning = spawnSync('taskset', ['-c', '0', 'true']).status === 0
const start = (
  core: number,
  file: string,
  args: readonly string[],
  stdio: 'server' | 'arm',
): ChildProcess => {
  const command = [process.execPath, join(here, file), ...args]
  const [program = '', ...rest] = pinning ? ['taskset', '-c', String(core), ...command] : command
  return spawn(program, rest, {
    stdio: ['ignore', 'pipe', 'inherit', ...(stdio === 'server' ? (['ipc'] as const) : [])],
  })
}
const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
const shown = (values: readonly number[]): string => values.map((value) => value.toFixed(1)).join(' ')

const server = start(1, 'server.js', [], 'server')
const [line] = (await once(server.stdout!, 'data')) as [Buffer]
const origin = `http://127.0.0.1:${line.toString().trim()}`

const samples: number[][] = ARMS.map(() => [])
for (let round = 0; round < rounds; round++) {
  for (const [index, arm] of ARMS.entries()) {
    const child = start(
      0,
      'arm.js',
      [arm, origin, concurrency, windows, windowMs, warmupMs].map(String),
      'arm',
    )
    const chunks: Buffer[] = []
    child.stdout!.on('data', (chunk: Buffer) => chunks.push(chunk))
    const [code] = (await once(child, 'close')) as [number]
    if (code !== 0) throw new Error(`the arm "${arm}" failed with exit code ${code}`)
    const { perCall } = JSON.parse(Buffer.concat(chunks).toString()) as { perCall: number[] }
    samples[index]!.push(...perCall)
    process.stderr.write(`round ${round + 1}/${rounds}  ${LABELS[index]!.padEnd(16)} ${shown(perCall)}\n`)
  }
}
server.kill()

const { node, v8, openssl } = process.versions
const undici = JSON.parse(
  spawnSync(process.execPath, ['-p', "JSON.stringify(require('undici/package.json').version)"], {
    cwd: here,
  }).stdout.toString(),
) as string
process.stdout.write(
  `\nnode ${node}, v8 ${v8}, undici ${undici}, openssl ${openssl}, linux ${release()}, ${concurrency} concurrent, ${pinning ? 'pinned' : 'not pinned'}\n`,
)
process.stdout.write('client CPU per call, µs      median    min    max   windows\n')
for (const [index, label] of LABELS.entries()) {
  const all = samples[index]!
  const row = [median(all), Math.min(...all), Math.max(...all)]
    .map((value) => value.toFixed(1).padStart(7))
    .join('')
  process.stdout.write(`${label.padEnd(28)}${row}   ${shown(all)}\n`)
}
const [a = [], again = [], mesh = [], fetched = [], meshFetched = []] = samples
process.stdout.write(
  `\nadded by the mesh over the pool: ${(median(mesh) - median(a)).toFixed(1)} µs (A/A: ${Math.abs(median(again) - median(a)).toFixed(1)} µs)\n`,
)
process.stdout.write(
  `mesh.fetch against built-in fetch: ×${(median(meshFetched) / median(fetched)).toFixed(2)}\n`,
)
