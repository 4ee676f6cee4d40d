import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Agent } from '../kit/consul/agent.ts'
import { answered, localMember } from '../kit/consul/members.ts'
import { agentFor, appear, complains, knows, ORDERS, ordersOn, well } from '../kit/consul/scene.ts'
import { type FaultProxy, startFaultProxy } from '../kit/fault-proxy.ts'
import { folder } from '../kit/member.ts'
import { delay, until } from '../kit/wait.ts'

/** What is promised; the tests fail at ten times that. */
const CONVERGED_MS = 2000
/** One second for certificates, three for config entries and intentions, and three for addresses; fails at three times that. */
const STARTED_MS = 7000
/** The row says a minute. From here on the back-off alone is longer than what is promised, and grows to 15 s only. */
const AWAY_MS = 8000

async function behindProxy(t: TestContext): Promise<{ agent: Agent; proxy: FaultProxy; port: number }> {
  const agent = await agentFor(t)
  const { port } = await ordersOn(t, agent)
  const proxy = await startFaultProxy(`127.0.0.1:${agent.ports.api}`)
  t.after(() => proxy.close())
  return { agent, proxy, port }
}

test('FAULTS 20: the agent is down at the start: with what was kept calls work, and within 2 s of its return all is well', async (t) => {
  const { agent, proxy, port } = await behindProxy(t)
  const options = { env: { CONSUL_HTTP_ADDR: `http://${proxy.address}` }, stateDir: folder(t) }
  const before = localMember(t, 'web', options)
  await before.mesh.start()
  await answered(before.mesh, ORDERS)
  await before.mesh.close()
  await proxy.refuse()
  const { mesh } = localMember(t, 'web', options)
  const starting = performance.now()
  await mesh.start()
  const startedMs = performance.now() - starting
  t.diagnostic(`started without the agent within ${startedMs.toFixed(0)} ms (promised ${STARTED_MS} ms)`)
  assert.ok(startedMs < STARTED_MS * 3)
  assert.equal((await answered(mesh, ORDERS)).port, port)
  await complains(mesh, /kept/)
  await complains(mesh, new RegExp(proxy.address))
  await delay(AWAY_MS)
  await appear(agent, '127.0.0.2', port)
  const back = performance.now()
  await proxy.restore()
  await until(() => knows(mesh, '127.0.0.2'), { what: 'what is new', withinMs: CONVERGED_MS * 10 })
  await well(mesh, CONVERGED_MS * 10)
  t.diagnostic(
    `well ${(performance.now() - back).toFixed(0)} ms after its return (promised ${CONVERGED_MS} ms)`,
  )
})

test('FAULTS 20: an agent that takes every byte and says nothing holds no start up where something is kept', async (t) => {
  const { proxy, port } = await behindProxy(t)
  const options = { env: { CONSUL_HTTP_ADDR: `http://${proxy.address}` }, stateDir: folder(t) }
  const before = localMember(t, 'web', options)
  await before.mesh.start()
  await answered(before.mesh, ORDERS)
  await before.mesh.close()
  proxy.plan({ accept: 'swallow' })
  const { mesh } = localMember(t, 'web', options)
  const starting = performance.now()
  await mesh.start()
  const startedMs = performance.now() - starting
  t.diagnostic(`started within ${startedMs.toFixed(0)} ms (promised ${STARTED_MS} ms)`)
  assert.ok(startedMs < STARTED_MS * 3)
  assert.equal((await answered(mesh, ORDERS)).port, port)
  proxy.plan({})
  proxy.drop()
  await well(mesh)
})

test('FAULTS 20: without anything kept the start fails, names address and cause, and succeeds once there is an agent', async (t) => {
  const { proxy } = await behindProxy(t)
  await proxy.refuse()
  const { mesh } = localMember(t, 'web', {
    env: { CONSUL_HTTP_ADDR: `http://${proxy.address}` },
    startTimeout: '8s',
  })
  await assert.rejects(mesh.start(), (error: Error & { code: string }) => {
    assert.ok(error.message.includes(`http://${proxy.address}`), error.message)
    assert.match(error.message, /connection refused/)
    return true
  })
  assert.equal(mesh.health().state, 'idle')
  await proxy.restore()
  await mesh.start()
  await answered(mesh, ORDERS)
  await well(mesh)
})
