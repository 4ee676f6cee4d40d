import assert from 'node:assert/strict'
import { test } from 'node:test'
import { client } from '../../src/grpc/index.ts'
import { createMesh } from '../../src/index.ts'
import { Fleet, type PricingMember } from '../kit/grpc/fleet.ts'
import { closing } from '../kit/grpc/observe.ts'
import { Pricing } from '../kit/grpc/pricing.ts'
import { PricingCaller } from '../kit/grpc/pricing-caller.ts'
import type { PricingBehaviour } from '../kit/grpc/pricing-service.ts'
import { TWICE } from '../kit/grpc/setting.ts'
import { assertInvariants } from '../kit/invariants.ts'
import { closedLoop } from '../kit/load.ts'
import type { Cleanup } from '../kit/process.ts'
import type { Mesh } from '../kit/setting.ts'
import { until } from '../kit/wait.ts'

/** Both names are the same servers; only what is called `pricing` may be executed twice. */
const POLICY = {
  version: 1,
  defaults: { connect: { timeout: '5s' } },
  services: { pricing: { routes: [TWICE] }, booking: {} },
} as const

const WELL: PricingBehaviour = { delayMs: 4 }

/** Three servers in processes of their own, of which the last behaves as told, and two kinds of calls. */
async function stage(t: Cleanup, last: PricingBehaviour = WELL) {
  const fleet = new Fleet(t)
  const members: PricingMember[] = await Promise.all(
    [WELL, WELL, last].map((behaviour, n) => fleet.start({ name: 'abc'[n]!, behaviour })),
  )
  const addresses = members.map(({ address }) => address)
  const mesh = createMesh({
    service: 'web',
    log: 'error',
    env: {},
    endpoints: { pricing: addresses, booking: addresses },
    policy: POLICY,
  })
  t.after(() => mesh.close())
  await mesh.start()
  return { fleet, members, mesh, ...callersOf(t, mesh) }
}

function callersOf(t: Cleanup, mesh: Mesh) {
  const of = (service: string) => closing(t, client(mesh, Pricing, service))
  return {
    reads: new PricingCaller(of('pricing'), true),
    writes: new PricingCaller(of('booking'), false),
  }
}

type Callers = ReturnType<typeof callersOf>

/** Of five calls, four may be executed twice. */
const mixed =
  ({ reads, writes }: Callers) =>
  (number: number) =>
    (number % 5 === 4 ? writes : reads).ask({ timeoutMs: 10_000, answerBytes: 100 })

function judge(t: { diagnostic(text: string): void }, fleet: Fleet, { reads, writes }: Callers): void {
  const seen = [...reads.seen, ...writes.seen]
  const executed = fleet.executed()
  const twice = [...executed.values()].filter(({ length }) => length > 1).length
  t.diagnostic(
    `${seen.length} calls, ${reads.failures.length} + ${writes.failures.length} failed, ${twice} of the repeatable executed more than once`,
  )
  assertInvariants({ seen, upstreams: [fleet.upstream()], graceMs: 2000 })
}

const share = (fleet: Fleet, name: string): number => {
  const executions = [...fleet.executed().values()].flat()
  return executions.filter((by) => by === name).length / executions.length
}

test('FAULTS 63, 58: of three servers one is killed: no repeatable call fails, no other is executed twice', async (t) => {
  const { fleet, members, mesh: _, ...callers } = await stage(t)
  const load = closedLoop({ callers: 20, calls: 1500 }, mixed(callers))
  await until(() => callers.reads.seen.length > 300, { what: 'the load to run' })
  await members[2]!.process.kill('SIGKILL')
  const { percentile } = await load
  judge(t, fleet, callers)
  t.diagnostic(
    `p99 ${percentile(0.99).toFixed(0)} ms; writes that broke off with it: ${callers.writes.failures.length}`,
  )
  assert.deepEqual(callers.reads.words, [])
  // What was on the server when it died may have been executed: the caller is told, and nobody tries again.
  for (const { details } of callers.writes.failures) assert.match(details, /booking|127\.0\.0\.1/)
  assert.ok(callers.writes.failures.length <= 20, callers.writes.words.join('\n'))
})

test('FAULTS 13: of three servers one takes 2 s: no call fails, and few go there', async (t) => {
  const { fleet, mesh: _, ...callers } = await stage(t, { delayMs: 2000 })
  await closedLoop({ callers: 20, calls: 1200 }, mixed(callers))
  judge(t, fleet, callers)
  assert.deepEqual([...callers.reads.words, ...callers.writes.words], [])
  const slow = share(fleet, 'c')
  t.diagnostic(`share of the slow one ${(slow * 100).toFixed(2)} %`)
  assert.ok(slow < 0.1, String(slow))
})

test('FAULTS 58: of three servers one answers UNAVAILABLE: no repeatable call fails, others are told so once', async (t) => {
  const { fleet, mesh: _, ...callers } = await stage(t, { code: 14, details: 'out for lunch' })
  await closedLoop({ callers: 20, calls: 1200 }, mixed(callers))
  judge(t, fleet, callers)
  assert.deepEqual(callers.reads.words, [])
  for (const { code, details } of callers.writes.failures)
    assert.deepEqual([code, details], [14, 'out for lunch'])
  const bad = share(fleet, 'c')
  t.diagnostic(`share of the bad one ${(bad * 100).toFixed(2)} %`)
  assert.ok(bad < 0.1, String(bad))
})
