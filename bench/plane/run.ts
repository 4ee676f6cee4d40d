/** How long a policy takes from the plane to 200 services that follow it, and what each push costs the plane. */
import { planeClient } from '../../test/kit/plane-client.ts'
import { siblingOf, startProcess } from '../../test/kit/process.ts'
import { delay, until } from '../../test/kit/wait.ts'
import { processUs } from '../cpu.ts'
import { percentile } from '../statistics.ts'

const PROCESSES = 4
const DOCUMENTS = 100

export interface PlaneResult {
  readonly subscribers: number
  readonly pushes: number
  /** From the push to its being in force, for each service and push, in milliseconds. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly lastMs: number
  /** Of the plane's processor. */
  readonly cpuMsPerPush: number
  readonly cpuMsPerJoin: number
}

const documentOf = (number: number, round: number) => ({
  name: `svc-${number}.yaml`,
  text: `version: 1\nservices:\n  svc-${number}:\n    timeout: ${1000 + round}ms\n    retry: { limit: 2 }\n`,
})

/** Whole meshes with identities, trust and endpoints of their own, in four processes beside the plane. */
export async function measurePlane(
  subscribers: number,
  pushes: number,
  tell: (line: string) => void,
): Promise<PlaneResult> {
  const ends: (() => unknown)[] = []
  const cleanup = { after: (fn: () => unknown) => void ends.push(fn) }
  try {
    const plane = await startProcess(cleanup, siblingOf(import.meta.url, '../../test/e2e/scale/plane'))
    const told = JSON.parse(plane.ready[1] ?? '{}')
    const admin = planeClient(cleanup, told)
    const push = async (documents: readonly object[]): Promise<void> => {
      const body = { documents, message: 'bench', author: 'bench' }
      const { status } = await admin.ask('/v1/policy', { method: 'POST', token: told.adminToken, body })
      if (status !== 200) throw new Error(`the plane answered ${status}`)
    }
    await push(Array.from({ length: DOCUMENTS }, (_, n) => documentOf(n, 0)))
    tell(`plane: ${subscribers} services join`)
    const joining = processUs(plane.pid)
    const each = subscribers / PROCESSES
    const meshes = await Promise.all(
      Array.from({ length: PROCESSES }, (_, n) =>
        startProcess(cleanup, siblingOf(import.meta.url, '../../test/e2e/scale/subscribers'), {
          args: [String(n * each), String(each)],
          env: { TOKEN: told.token },
          readyWithinMs: 120_000,
        }),
      ),
    )
    const cpuMsPerJoin = (processUs(plane.pid) - joining) / 1000 / subscribers
    const known = new Set(['built-in'])
    /** When each service had the version that nobody had before. */
    const everywhere = async (): Promise<number[]> => {
      const times = await until(() => inForce(meshes, known, subscribers), {
        what: 'a policy in force everywhere',
        withinMs: 60_000,
        everyMs: 20,
      })
      for (const { stdout } of meshes)
        for (const [, version = ''] of stdout.matchAll(/^in-force (\S+)/gm)) known.add(version)
      return times
    }
    await everywhere()
    const before = processUs(plane.pid)
    const tookMs: number[] = []
    for (let round = 1; round <= pushes; round++) {
      const pushed = performance.timeOrigin + performance.now()
      await push([documentOf(round, round)])
      tookMs.push(...(await everywhere()).map((at) => at - pushed))
      tell(`plane: push ${round} of ${pushes}`)
      await delay(1000)
    }
    return {
      subscribers,
      pushes,
      p50Ms: percentile(tookMs, 0.5),
      p99Ms: percentile(tookMs, 0.99),
      lastMs: Math.max(...tookMs),
      cpuMsPerPush: (processUs(plane.pid) - before) / 1000 / pushes,
      cpuMsPerJoin,
    }
  } finally {
    for (const end of ends.reverse()) await end()
  }
}

/** From the lines of the subscribers; undefined while some are still without. */
function inForce(
  meshes: readonly { readonly stdout: string }[],
  known: ReadonlySet<string>,
  subscribers: number,
): number[] | undefined {
  const lines = meshes.map(({ stdout }) =>
    [...stdout.matchAll(/^in-force (\S+) (.*)\n/gm)].find(([, version = '']) => !known.has(version)),
  )
  if (lines.some((line) => line === undefined || line[1] !== lines[0]?.[1])) return undefined
  const times = lines.flatMap((line) => line?.[2]?.split(',').map(Number) ?? [])
  return times.length === subscribers ? times : undefined
}

export const planeReport = (result: PlaneResult): string =>
  `plane: ${result.subscribers} services follow 100 documents, ${result.pushes} pushes of one\n` +
  `in force after p50 ${result.p50Ms.toFixed(0)} ms, p99 ${result.p99Ms.toFixed(0)} ms, in the last after ${result.lastMs.toFixed(0)} ms\n` +
  `the plane's CPU: ${result.cpuMsPerPush.toFixed(1)} ms a push, ${result.cpuMsPerJoin.toFixed(1)} ms a service that joins\n`
