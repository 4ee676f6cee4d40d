/** What the benches share: processes pinned to cores, medians, tables with their raw windows, versions. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { release } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
export const option = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(name)
  return at < 0 ? fallback : Number(process.argv[at + 1])
}

export const smoke = process.argv.includes('--smoke')
export const rounds = option('--rounds', smoke ? 1 : 5)
export const windows = smoke ? 2 : 4
export const windowMs = smoke ? 250 : 1000
export const warmupMs = smoke ? 500 : 2500
/** A gRPC call goes through much code: on a busy machine a time alone does not see all of it compiled. */
export const warmupUnits = smoke ? 500 : 40_000
export const concurrency = option('--concurrency', 16)

const pinned = spawnSync('taskset', ['-c', '0', 'true']).status === 0

/** Starts a file of this directory on a core of its own, where `taskset` exists. It ends when its channel is cut. */
export function start(core: number, file: string, args: readonly (string | number)[]): ChildProcess {
  const command = [process.execPath, join(here, file), ...args.map(String)]
  const [program = '', ...rest] = pinned ? ['taskset', '-c', String(core), ...command] : command
  return spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
}

/** The first line a process prints: the port it listens on. */
export async function portOf(child: ChildProcess): Promise<number> {
  const [line] = (await once(child.stdout!, 'data')) as [Buffer]
  return Number(line.toString())
}

/** What a process says next; an early end is a failure, whoever it was that ended. */
export async function said<T>(child: ChildProcess, others: readonly ChildProcess[]): Promise<T> {
  const abort = new AbortController()
  const { signal } = abort
  const ended = [child, ...others].map(async (one) => {
    const [code] = (await once(one, 'exit', { signal })) as [number | null]
    throw new Error(`a process of the bench ended early, with exit code ${code}`)
  })
  for (const end of ended) end.catch(() => {})
  try {
    const [message] = (await Promise.race([once(child, 'message', { signal }), ...ended])) as [T]
    return message
  } finally {
    abort.abort()
  }
}

/** Everything a process prints, once it has ended well. */
export async function resultOf(child: ChildProcess, name: string): Promise<unknown> {
  const chunks: Buffer[] = []
  child.stdout!.on('data', (chunk: Buffer) => chunks.push(chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`the arm "${name}" failed with exit code ${code}`)
  return JSON.parse(Buffer.concat(chunks).toString())
}

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
export const shown = (values: readonly number[]): string => values.map((value) => value.toFixed(1)).join(' ')

export function printProgress(round: number, label: string, values: readonly number[]): void {
  process.stderr.write(`round ${round + 1}/${rounds}  ${label.padEnd(16)} ${shown(values)}\n`)
}

/** One row per arm: median, extremes and every window. `transport`: the package below every arm. */
export function printTable(
  title: string,
  labels: readonly string[],
  samples: readonly (readonly number[])[],
  transport = 'undici',
): void {
  const { node, v8, openssl } = process.versions
  const setting = `${concurrency} concurrent, ${pinned ? 'pinned' : 'not pinned'}`
  process.stdout.write(
    `\nnode ${node}, v8 ${v8}, ${transport} ${versionOf(transport)}, openssl ${openssl}, linux ${release()}, ${setting}\n`,
  )
  process.stdout.write(`${title.padEnd(28)} median    min    max   windows\n`)
  for (const [index, label] of labels.entries()) {
    const all = samples[index] ?? []
    const row = [median(all), Math.min(...all), Math.max(...all)]
      .map((value) => value.toFixed(1).padStart(7))
      .join('')
    process.stdout.write(`${label.padEnd(28)}${row}   ${shown(all)}\n`)
  }
}

function versionOf(name: string): string {
  const { stdout } = spawnSync(process.execPath, ['-p', `require('${name}/package.json').version`], {
    cwd: here,
  })
  return stdout.toString().trim()
}
