import assert from 'node:assert/strict'
import { test } from 'node:test'
import { client } from '../../src/grpc/index.ts'
import { createMesh } from '../../src/index.ts'
import { startPlane } from '../../src/plane.ts'
import { Fleet, type PricingMember } from '../kit/grpc/fleet.ts'
import { closing } from '../kit/grpc/observe.ts'
import { Pricing } from '../kit/grpc/pricing.ts'
import { PricingCaller } from '../kit/grpc/pricing-caller.ts'
import { assertInvariants } from '../kit/invariants.ts'
import { folder, held, patient } from '../kit/member.ts'
import type { Cleanup } from '../kit/process.ts'
import type { Mesh } from '../kit/setting.ts'
import { until } from '../kit/wait.ts'

const RESTARTS = 10
const CALLERS = 20
/** Long enough that every server has calls of several callers at any moment, and that the processors have room. */
const WELL = { delayMs: 60 }
const NAMES = ['a', 'b', 'c']

/** Nothing here may be executed twice: what is not lost was drained, not repeated. */
const callerOf = (t: Cleanup, mesh: Mesh): PricingCaller =>
  new PricingCaller(closing(t, client(mesh, Pricing, 'pricing')), false)

/** Restarts all in turn while calls go on and on. */
async function roll(
  t: Cleanup & { diagnostic(text: string): void },
  fleet: Fleet,
  members: PricingMember[],
  caller: PricingCaller,
  restart: (member: PricingMember) => Promise<PricingMember>,
): Promise<void> {
  let rolling = true
  const load = Promise.all(
    Array.from({ length: CALLERS }, async () => {
      while (rolling) await caller.ask({ timeoutMs: 10_000, answerBytes: 100 })
    }),
  )
  const drains: number[] = []
  try {
    for (let n = 0; n < RESTARTS; n++) {
      const member = members[n % members.length]!
      const told = performance.now()
      const { code, signal } = await member.process.kill('SIGTERM')
      drains.push(performance.now() - told)
      assert.deepEqual([code, signal], [0, null], member.process.stderr)
      const back = await restart(member)
      members[n % members.length] = back
      // As in a deployment, one is taken only when the one before is in use again: a client leaves an address alone for a
      // second and more after it was refused (gRPC's connection back-off).
      const from = caller.seen.length
      await until(() => caller.seen.slice(from).some(({ from: name }) => name === back.name), {
        what: `calls to reach ${back.name} again`,
        withinMs: 15_000,
        everyMs: 20,
      })
    }
  } finally {
    rolling = false
    await load
  }
  const { seen, failures, words } = caller
  t.diagnostic(
    `${RESTARTS} restarts, ${seen.length} calls, ${failures.length} failed; a drain took ${Math.round(Math.min(...drains))} to ${Math.round(Math.max(...drains))} ms`,
  )
  const executed = fleet.upstream()
  for (const { id, details } of failures)
    t.diagnostic(`executed ${executed.executions(id)} times: ${details}`)
  assert.deepEqual(words, [])
  assertInvariants({ seen, upstreams: [executed] })
}

test('FAULTS 62: ten restarts by SIGTERM under load, addresses written down, lose no call and repeat none', async (t) => {
  const fleet = new Fleet(t)
  const members = await Promise.all(NAMES.map((name) => fleet.start({ name, behaviour: WELL })))
  const mesh = createMesh({
    service: 'web',
    log: 'error',
    env: {},
    endpoints: { pricing: members.map(({ address }) => address) },
    policy: { version: 1, services: { pricing: { connect: { timeout: '5s' } } } },
  })
  t.after(() => mesh.close())
  await mesh.start()
  await roll(t, fleet, members, callerOf(t, mesh), ({ name, port }) =>
    fleet.start({ name, port, behaviour: WELL }),
  )
})

test('FAULTS 62: ten restarts by SIGTERM under load, strict and by the registry of a plane, lose no call and repeat none', async (t) => {
  const plane = await startPlane({ logger: { debug() {}, info() {}, warn() {}, error() {} } })
  t.after(() => plane.close())
  await patient(plane, 'pricing')
  const fleet = new Fleet(t)
  const start = (name: string, port = 0) =>
    fleet.start({
      name,
      port,
      behaviour: WELL,
      env: { TULLE_JOIN_TOKEN: plane.createToken('pricing'), TULLE_DRAIN_DELAY: '300ms' },
    })
  const members = await Promise.all(NAMES.map((name) => start(name)))
  const web = createMesh({
    service: 'web',
    joinToken: plane.createToken('web'),
    stateDir: folder(t),
    log: 'error',
    env: {},
  })
  t.after(() => web.close())
  await web.start()
  const caller = callerOf(t, web)
  await until(async () => (await caller.ask({ timeoutMs: 2000 })).code === 0, {
    what: 'the first answer',
    withinMs: 10_000,
  })
  await until(() => web.describe('pricing').endpoints.length === 3, {
    what: 'the caller to know all three',
    withinMs: 15_000,
  })
  caller.seen.length = 0
  await roll(t, fleet, members, caller, async ({ name, port }) => {
    await until(() => held(plane, 'pricing')[`127.0.0.1:${port}`] === undefined, {
      what: 'it to be out of the registry',
      withinMs: 15_000,
    })
    const back = await start(name, port)
    await until(() => Object.keys(held(plane, 'pricing')).length === 3, {
      what: 'all three to be registered',
      withinMs: 15_000,
    })
    return back
  })
})
