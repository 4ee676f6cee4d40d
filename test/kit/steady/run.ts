import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TestCa } from '../certificates.ts'
import { folder } from '../member.ts'
import { type Cleanup, siblingOf, startProcess, type TestProcess } from '../process.ts'
import { until, within } from '../wait.ts'
import type { Look } from './judge.ts'
import type { Left } from './left.ts'
import type { CallerSettings, ServerPorts, ServerSettings } from './settings.ts'

const END_WITHIN_MS = 20_000
const NODE_ARGS = ['--expose-gc']

/** A program from its first moment, when it had done nothing, to its end. */
export interface Course {
  readonly before: Left
  readonly closed: Left & { readonly closeMs: number }
  /** How long it lived after it said that it was closed, in milliseconds. */
  readonly lingeredMs: number
  readonly code: number | null
  readonly stderr: string
}

export interface Run {
  readonly looks: readonly Look[]
  /** How the calls ended: how many by way, path and what came of them. */
  readonly ends: Readonly<Record<string, number>>
  readonly caller: Course
  readonly server: Course
}

/** Starts the server and the caller, and follows both to their ends. */
export async function run(
  t: Cleanup,
  settings: Pick<CallerSettings, 'looks' | 'callers'> & { readonly withinMs: number },
): Promise<Run> {
  const certificates = folder(t)
  const ca = TestCa.create()
  writeFileSync(join(certificates, 'roots.pem'), ca.rootPem)
  for (const service of ['web', 'vault']) {
    const svid = ca.issue({ service })
    writeFileSync(join(certificates, `${service}.pem`), svid.chainPem.join(''))
    writeFileSync(join(certificates, `${service}.key`), svid.keyPem, { mode: 0o600 })
  }
  const start = (name: string, given: ServerSettings | CallerSettings): Promise<TestProcess> =>
    startProcess(t, siblingOf(import.meta.url, `./${name}`), {
      args: [JSON.stringify(given)],
      nodeArgs: NODE_ARGS,
      readyWithinMs: 30_000,
    })
  const server = await start('server', { certificates })
  const { looks, callers, withinMs } = settings
  const ports = JSON.parse(server.ready[1] as string) as ServerPorts
  const caller = await start('caller', { ...ports, certificates, looks, callers })
  const called = await courseOf(caller, withinMs)
  process.kill(server.pid, 'SIGTERM')
  return {
    looks: said<Look>(caller, 'look'),
    ends: said<Record<string, number>>(caller, 'ends')[0] ?? {},
    caller: called,
    server: await courseOf(server, END_WITHIN_MS),
  }
}

async function courseOf(program: TestProcess, withinMs: number): Promise<Course> {
  const closed = await until(() => said<Course['closed']>(program, 'closed')[0] ?? failed(program), {
    what: 'everything to be closed',
    withinMs,
    everyMs: 50,
    seen: () => [said(program, 'look').at(-1), program.stderr],
  })
  const closedAt = performance.now()
  const { code } = await within(program.exited, END_WITHIN_MS, 'the end of a program that has nothing to do')
  const [before] = said<Left>(program, 'began')
  const { stderr } = program
  return { before: before as Left, closed, lingeredMs: performance.now() - closedAt, code, stderr }
}

function failed({ exit, stderr }: TestProcess): undefined {
  if (exit !== undefined) throw new Error(`ended with ${exit.signal ?? exit.code}: ${stderr}`)
}

/** The lines that begin with this word, the last one only once it is whole. */
function said<T>({ stdout }: TestProcess, word: string): T[] {
  const lines = stdout.split('\n').slice(0, -1)
  return lines
    .filter((line) => line.startsWith(`${word} `))
    .map((line) => JSON.parse(line.slice(word.length)) as T)
}
