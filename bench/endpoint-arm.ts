/**
 * The measured process of the endpoint bench: from the bytes of an agent's answer to the first pick among its instances.
 * `node endpoint-arm.js <balancer> <port>`; prints a line of JSON.
 */
import { PerformanceObserver } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Addresses } from '../src/addresses.ts'
import { HttpConsulLink } from '../src/control/consul-link.ts'
import type { Attempt } from '../src/core/attempt.ts'
import type { Endpoint } from '../src/core/endpoint.ts'
import type { ServicePlan } from '../src/core/plan.ts'
import { ConsulSource } from '../src/discovery/consul.ts'
import { lookupOf } from '../src/discovery/consul-lookup.ts'
import { Endpoints } from '../src/endpoints/registry.ts'
import { systemClock, systemWall } from '../src/platform/clock.ts'
import { systemRandom } from '../src/platform/random.ts'
import type { Crowd } from './endpoint-crowd.ts'

export interface Stage {
  readonly what: string
  /** The longest that nothing else could run: processor time and by the wall, whichever is less, in milliseconds. */
  readonly stallMs: number
  /** The same by the wall alone: other processes count. */
  readonly wallMs: number
  /** Of the longest stall, what the collector took. */
  readonly gcMs: number
  /** From the first byte that can have come to the first pick. */
  readonly untilPickedMs: number
  /** In `ServiceTable.pick`, the first time. */
  readonly pickMs: number
}

const [balance = 'peak-ewma', port = ''] = process.argv.slice(2)
const quiet = { debug() {}, info() {}, warn() {}, error: console.error }
const world = { clock: systemClock, wall: systemWall, random: systemRandom, log: quiet }
const link = new HttpConsulLink({ ...world, address: `http://127.0.0.1:${port}` })
const source = new ConsulSource({ ...world, link, lookup: (name) => lookupOf(name, {}, true) })
const endpoints = new Endpoints({
  ...world,
  events: { emit() {}, on: () => () => {}, wants: () => false },
  reopenOn: [],
  open: () => {
    throw new Error('nothing is sent')
  },
})
const plan = { service: 'orders', version: '1', params: { balance }, hosts: [], endpoints: [], routes: [] }
const table = endpoints.reconcile(plan as unknown as ServicePlan)
const addresses = new Addresses(source, endpoints, quiet)
const NOBODY: ReadonlySet<Endpoint> = new Set()
const attempt = { call: { protocol: 'http' }, tried: NOBODY, startedMs: 0 } as unknown as Attempt<unknown>

const collections: { from: number; ms: number }[] = []
const observer = new PerformanceObserver((list) => {
  for (const { startTime, duration } of list.getEntries()) collections.push({ from: startTime, ms: duration })
})
observer.observe({ entryTypes: ['gc'] })

async function until(size: number, newest: string | undefined): Promise<void> {
  let seen: unknown = table.endpoints
  for (;;) {
    await nextTurn()
    if (table.endpoints === seen || table.endpoints.length !== size) continue
    seen = table.endpoints
    if (newest === undefined || table.endpoints.some(({ address }) => address === newest)) return
  }
}

async function measured(
  what: string,
  size: number,
  newest: string | undefined,
  begin: () => void,
): Promise<Stage> {
  let running = true
  let longest = { stall: 0, wall: 0, from: 0, to: 0 }
  let wall = 0
  let pickMs = 0
  const turns = async (): Promise<void> => {
    let last = performance.now()
    let used = process.cpuUsage()
    while (running) {
      await nextTurn()
      const now = performance.now()
      const { user, system } = process.cpuUsage(used)
      const stall = Math.min(now - last, (user + system) / 1000)
      wall = Math.max(wall, now - last)
      if (stall > longest.stall) longest = { stall, wall: now - last, from: last, to: now }
      used = process.cpuUsage()
      last = now
    }
  }
  const began = performance.now()
  const turning = turns()
  begin()
  await until(size, newest)
  const before = performance.now()
  if (table.pick(attempt) === undefined) throw new Error('nothing picked')
  pickMs = performance.now() - before
  const untilPickedMs = performance.now() - began
  // What settles after the picker has it, and what is written down of it.
  const settled = performance.now() + 1500
  while (performance.now() < settled) await new Promise((resolve) => setTimeout(resolve, 5))
  running = false
  await turning
  await new Promise((resolve) => setTimeout(resolve, 20))
  const gcMs = collections
    .filter(({ from }) => from >= longest.from && from <= longest.to)
    .reduce((sum, { ms }) => sum + ms, 0)
  return {
    what,
    stallMs: longest.stall,
    wallMs: wall,
    gcMs,
    untilPickedMs,
    pickMs,
  }
}

const N = Number(process.argv[4] ?? 10_000)
const HALF = N / 2
const tell = (crowd: Crowd) => () => void process.send?.(crowd)
const addressOf = (n: number, generation: number): string => {
  const number = n + generation * 100_000
  return `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`
}
const stages: Stage[] = []
await addresses.start(new AbortController().signal)
await new Promise((resolve) => setTimeout(resolve, 300))
stages.push(await measured('cold', N, undefined, () => addresses.want('orders')))
for (let generation = 1; generation <= 3; generation += 1)
  stages.push(
    await measured('one changed', N, addressOf(0, generation), tell({ size: N, changed: 1, generation })),
  )
stages.push(await measured('to half', HALF, undefined, tell({ size: HALF, changed: 1, generation: 3 })))
stages.push(await measured('to all', N, undefined, tell({ size: N, changed: 1, generation: 3 })))
stages.push(
  await measured('a tenth changed', N, addressOf(0, 4), tell({ size: N, changed: N / 10, generation: 4 })),
)
stages.push(await measured('all changed', N, addressOf(0, 5), tell({ size: N, changed: N, generation: 5 })))
await addresses.close()
await link.close()
process.stdout.write(`${JSON.stringify(stages)}\n`)
process.exit()
