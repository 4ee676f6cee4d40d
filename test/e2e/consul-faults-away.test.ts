import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answered, answering, localMember } from '../kit/consul/members.ts'
import {
  agentFor,
  appear,
  calls,
  complains,
  HEALTH,
  knows,
  ORDERS,
  ordersOn,
  unharmed,
  well,
} from '../kit/consul/scene.ts'
import { startFaultProxy } from '../kit/fault-proxy.ts'
import { delay, until } from '../kit/wait.ts'

// Of the ten minutes of the row some seconds are played: silence longer than a connect takes, then refusals until the
// age is told in seconds. Ten minutes on a clock that is turned by hand: test/discovery/consul.test.ts.
const SILENT_MS = 2000

/** Any other balancer would rarely try the one that is gone, and take long to judge it. */
const IN_TURN = { version: 1, defaults: { connect: { timeout: '5s' }, balance: 'round-robin' } } as const

test('FAULTS 21, 27: an agent that is silent, then gone, costs no call, an instance that dies meanwhile included', async (t) => {
  const agent = await agentFor(t)
  const { port } = await ordersOn(t, agent)
  const mortal = await ordersOn(t, agent)
  const proxy = await startFaultProxy(`127.0.0.1:${agent.ports.api}`)
  t.after(() => proxy.close())
  const { mesh } = localMember(t, 'web', {
    env: { CONSUL_HTTP_ADDR: `http://${proxy.address}` },
    policy: IN_TURN,
  })
  await answering(mesh)
  await answered(mesh, ORDERS)
  const endpoints = () => mesh.describe('orders').endpoints
  await until(() => endpoints().length === 2, { what: 'both instances' })
  const traffic = calls(t, mesh)
  proxy.plan({ accept: 'swallow' })
  proxy.freeze()
  await delay(SILENT_MS)
  await proxy.refuse()
  await complains(mesh, new RegExp(`${proxy.address}.*connection refused`))

  // Nobody can tell us that it goes: only its connections say so.
  await mortal.mesh.close()
  await until(async () => (await agent.api('GET', HEALTH)).json.length === 1, { what: 'its deregistration' })
  await until(() => endpoints().some(({ ejected }) => ejected), {
    what: 'a verdict on the one that is gone',
    withinMs: 20_000,
    seen: endpoints,
  })
  assert.equal(endpoints().length, 2, 'what was known last stays')
  await until(() => (mesh.health().consul?.endpoints?.ageMs ?? 0) > 3000, { what: 'an age' })
  assert.ok(
    mesh.health().degraded.some((each) => /endpoints \(from consul, [1-9]\d* s old\)/.test(each)),
    mesh.health().degraded.join('\n'),
  )

  await appear(agent, '127.0.0.2', port)
  proxy.plan({})
  const back = performance.now()
  await proxy.restore()
  await until(() => knows(mesh, '127.0.0.2') && endpoints().length === 2, {
    what: 'what has changed',
    withinMs: 20_000,
  })
  t.diagnostic(`what has changed is known ${(performance.now() - back).toFixed(0)} ms after its return`)
  await well(mesh)
  await unharmed(traffic)
})
