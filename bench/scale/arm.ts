/**
 * One size of the scale bench in a fresh process with `--expose-gc`: what so many endpoints, or so many services in one
 * policy, cost. Argument: JSON `{ of, size }`.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { EndpointSet } from '../../src/core/endpoint.ts'
import { ServiceTable } from '../../src/endpoints/table.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { systemRandom } from '../../src/platform/random.ts'
import { compile } from '../../src/policy/compile.ts'
import { createParser } from '../../src/policy/parse.ts'
import { policyPieces } from '../../src/stack.ts'
import { makeAttempt, makePlan } from '../../test/kit/builders.ts'
import { answer } from '../worker.ts'
import type { ScaleSettings } from './run.ts'

const ROUNDS = 5
const PICKS = 100_000
const settings = JSON.parse(process.argv[2] ?? '{}') as ScaleSettings
const collect = (globalThis as { gc?: () => void }).gc ?? (() => {})

function heapBytes(): number {
  collect()
  collect()
  return process.memoryUsage().heapUsed
}

/** The least of several, in milliseconds: everything else was somebody else's. */
function leastMs(run: () => void): number {
  let least = Number.POSITIVE_INFINITY
  for (let n = 0; n < ROUNDS; n++) {
    const from = performance.now()
    run()
    least = Math.min(least, performance.now() - from)
  }
  return least
}

const setOf = (size: number, generation: number): EndpointSet => ({
  endpoints: Array.from({ length: size }, (_, n) => ({
    address: `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`,
    port: n === 0 ? 8000 + generation : 8080,
  })),
})

/** A large set comes into force over several turns of the event loop: how long that took, and the longest of them. */
async function inForce(table: ServiceTable, set: EndpointSet): Promise<{ tookMs: number; stallMs: number }> {
  const seen = table.endpoints
  const from = performance.now()
  let last = from
  let stallMs = 0
  table.apply(set)
  for (;;) {
    const now = performance.now()
    stallMs = Math.max(stallMs, now - last)
    last = now
    if (table.endpoints !== seen) return { tookMs: now - from, stallMs }
    await nextTurn()
  }
}

async function endpoints(size: number) {
  const deps = {
    clock: systemClock,
    random: systemRandom,
    events: { emit() {}, on: () => () => {}, wants: () => false },
    reopenOn: [],
    open: (): never => {
      throw new Error('nothing is sent')
    },
  }
  const before = heapBytes()
  const table = new ServiceTable(makePlan({}), deps)
  await inForce(table, setOf(size, 0))
  const bytesEach = (heapBytes() - before) / size
  const attempt = makeAttempt()
  let picked = 0
  const pick = (): void => {
    for (let n = 0; n < PICKS; n++) if (table.pick(attempt) !== undefined) picked++
  }
  pick()
  const pickNs = (leastMs(pick) * 1e6) / PICKS
  if (picked !== PICKS * (ROUNDS + 1)) throw new Error(`${picked} picks found an endpoint`)
  let updateMs = Number.POSITIVE_INFINITY
  let stallMs = Number.POSITIVE_INFINITY
  for (let generation = 1; generation <= ROUNDS; generation++) {
    const update = await inForce(table, setOf(size, generation))
    updateMs = Math.min(updateMs, update.tookMs)
    stallMs = Math.min(stallMs, update.stallMs)
  }
  return { bytesEach, pickNs, updateMs, stallMs }
}

const documentOf = (size: number, changed: number) => ({
  version: 1,
  services: Object.fromEntries(
    Array.from({ length: size }, (_, n) => [
      `svc-${n}`,
      {
        timeout: n === 0 ? `${1000 + changed}ms` : '5s',
        breaker: {},
        retry: { limit: 2 },
        routes: [
          { match: { path: '/items/{id}', method: ['GET'] }, timeout: '500ms' },
          { match: { path: '/reports/**' }, retry: false },
        ],
      },
    ]),
  ),
})

function services(size: number) {
  const parse = createParser({ pieces: policyPieces, allowedHosts: ['*'] })
  const read = (changed: number) => {
    const parsed = parse({ name: 'mesh.yaml', version: `v${changed}`, value: documentOf(size, changed) })
    if (parsed.document === undefined) throw new Error(JSON.stringify(parsed.problems.slice(0, 3)))
    return compile([parsed.document], policyPieces, { version: `v${changed}` })
  }
  read(0)
  const before = heapBytes()
  const { snapshot } = read(1)
  const bytesEach = (heapBytes() - before) / size
  const names = [...snapshot.services.keys()]
  let found = 0
  const match = (): void => {
    for (let n = 0; n < PICKS; n++) {
      const plan = snapshot.services.get(names[n % names.length]!)
      if (plan?.route('GET', '/items/17').params !== undefined) found++
    }
  }
  match()
  const matchNs = (leastMs(match) * 1e6) / PICKS
  if (found !== PICKS * (ROUNDS + 1)) throw new Error(`${found} matches`)
  let changed = 1
  const compileMs = leastMs(() => void read(++changed))
  return { bytesEach, matchNs, compileMs }
}

/** An undici Pool that nobody uses, which is what an endpoint would cost that had its transport from the start. */
async function pools(size: number) {
  const { Pool } = await import('undici')
  const before = heapBytes()
  const made = Array.from({ length: size }, (_, n) => new Pool(`http://10.0.${n >> 8}.${n & 255}:8080`))
  const bytesEach = (heapBytes() - before) / size
  await Promise.all(made.map((pool) => pool.destroy()))
  return { bytesEach }
}

answer(null, () => {
  if (settings.of === 'pools') return pools(settings.size)
  return settings.of === 'endpoints' ? endpoints(settings.size) : services(settings.size)
})
