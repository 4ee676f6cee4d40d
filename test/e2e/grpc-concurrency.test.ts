import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type HasRuntime, RUNTIME } from '../../src/core/runtime.ts'
import { client } from '../../src/grpc/index.ts'
import { createMesh } from '../../src/index.ts'
import { Fleet } from '../kit/grpc/fleet.ts'
import { closing } from '../kit/grpc/observe.ts'
import { Pricing } from '../kit/grpc/pricing.ts'
import { PricingCaller } from '../kit/grpc/pricing-caller.ts'
import { assertInvariants, watchProcess } from '../kit/invariants.ts'
import { until } from '../kit/wait.ts'

const CALLS = 10_000

for (const [how, limit, together] of [
  ['all of them in flight', { inFlight: CALLS, queue: CALLS }, CALLS / 4],
  ['by the default limits, most of them in line', undefined, 1000],
] as const)
  test(`ten thousand unary calls at once over three servers are all answered, each executed once (${how})`, async (t) => {
    const caught = watchProcess()
    const fleet = new Fleet(t)
    // Held for a moment, so that they are indeed in flight together.
    const members = await Promise.all(
      ['a', 'b', 'c'].map((name) => fleet.start({ name, behaviour: { delayMs: 500 } })),
    )
    const mesh = createMesh({
      service: 'web',
      log: 'error',
      env: {},
      endpoints: { pricing: members.map(({ address }) => address) },
      policy: {
        version: 1,
        services: { pricing: { connect: { timeout: '5s' }, ...(limit && { limit }) } },
      },
    })
    t.after(() => mesh.close())
    await mesh.start()
    const runtime = (mesh as unknown as HasRuntime)[RUNTIME]
    const inFlight = (): number =>
      (runtime.endpoints('pricing')?.endpoints ?? []).reduce((sum, { load }) => sum + load.inFlight, 0)
    const caller = new PricingCaller(closing(t, client(mesh, Pricing, 'pricing')), false)
    assert.equal((await caller.ask()).code, 0)

    const before = process.memoryUsage.rss()
    const begun = performance.now()
    const calls = Promise.all(Array.from({ length: CALLS }, () => caller.ask({ timeoutMs: 60_000 })))
    let most = 0
    let peak = 0
    const looking = setInterval(() => {
      most = Math.max(most, inFlight())
      peak = Math.max(peak, process.memoryUsage.rss())
    }, 20)
    t.after(() => clearInterval(looking))
    await calls
    clearInterval(looking)
    const seconds = (performance.now() - begun) / 1000
    t.diagnostic(
      `${CALLS} calls in ${seconds.toFixed(1)} s, at most ${most} in flight, resident +${((peak - before) / 1e6).toFixed(0)} MB (${((peak - before) / CALLS / 1000).toFixed(1)} kB a call)`,
    )
    assert.deepEqual(caller.words, [])
    assertInvariants({ seen: caller.seen, upstreams: [fleet.upstream()] })
    const executions = [...fleet.executed().values()].flat()
    const shares = ['a', 'b', 'c'].map(
      (name) => executions.filter((by) => by === name).length / executions.length,
    )
    t.diagnostic(`shares ${shares.map((share) => `${(share * 100).toFixed(0)} %`).join(', ')}`)
    assert.ok(
      shares.every((share) => share > 0.1),
      'all three took part',
    )
    assert.ok(most > together, `only ${most} were in flight together`)
    await until(() => inFlight() === 0, { what: 'nothing in flight', seen: inFlight })
    assert.deepEqual(caught(), [])
  })
