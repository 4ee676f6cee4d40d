import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Agent, startAgent, startCluster } from '../kit/consul/agent.ts'
import { answers, calling, load, more, publish, startOnConsul } from '../kit/consul/members.ts'
import { until } from '../kit/wait.ts'

test('services find each other by Consul, and prove themselves with certificates of Connect', async (t) => {
  const agent = await startAgent()
  t.after(() => agent.stop())
  await publish(agent)
  const orders = [await startOnConsul(t, agent, 'orders'), await startOnConsul(t, agent, 'orders')]
  const web = await startOnConsul(t, agent, 'web')
  await answers(web, 'http://orders.mesh/')
  const pids = new Set<number>()
  await until(
    async () => {
      // At once: whoever is asked one after the other is best asked where a connection is open.
      const all = await Promise.all(Array.from({ length: 8 }, () => web.fetch('http://orders.mesh/')))
      for (const { text = '' } of all) {
        const said = JSON.parse(text) as { pid: number; from: string; id: string }
        assert.equal(said.from, 'web')
        assert.match(said.id, /^spiffe:\/\/[0-9a-f-]+\.consul\/ns\/default\/dc\/dc1\/svc\/web$/)
        pids.add(said.pid)
      }
      return pids.size === 2
    },
    { what: 'both instances' },
  )
  const health = await web.health()
  assert.deepEqual(health.degraded, [])
  assert.equal(health.identity?.from, 'consul')
  assert.equal(health.consul?.endpoints?.source, 'consul')
  const { json } = await agent.api('GET', '/v1/health/connect/orders')
  assert.equal(json.length, 2)
  assert.ok(json.every(({ Service }: any) => Service.Connect.Native && Service.Meta.protocol === 'http'))
  assert.equal(orders.length, 2)
})

test('a service that leaves in good order costs no call, and one that is killed none that may be repeated', async (t) => {
  const agent = await startAgent()
  t.after(() => agent.stop())
  await publish(agent)
  const first = await startOnConsul(t, agent, 'orders')
  const second = await startOnConsul(t, agent, 'orders')
  const web = await startOnConsul(t, agent, 'web')
  await answers(web, 'http://orders.mesh/')
  const traffic = load(calling(web, 'http://orders.mesh/'))
  await first.process.kill('SIGTERM')
  await until(async () => (await agent.api('GET', '/v1/health/connect/orders')).json.length === 1, {
    what: 'its deregistration',
  })
  const third = await startOnConsul(t, agent, 'orders')
  await until(async () => (await web.fetch('http://orders.mesh/')).text?.includes(`${third.process.pid}`), {
    what: 'calls for the new one',
  })
  await second.process.kill('SIGKILL')
  await more(traffic)
  const { sent, failed } = await traffic.stop()
  assert.ok(sent > 50)
  assert.deepEqual(failed, [])
})

test('FAULTS 21: the agent goes away and comes back; nobody notices', async (t) => {
  const agent = await startAgent({ dataDir: true })
  t.after(() => agent.stop())
  await publish(agent)
  await startOnConsul(t, agent, 'orders')
  const web = await startOnConsul(t, agent, 'web')
  await answers(web, 'http://orders.mesh/')
  const traffic = load(calling(web, 'http://orders.mesh/'))
  await agent.kill('SIGKILL')
  await until(async () => (await web.health()).degraded.length > 0, { what: 'a word about it in health' })
  await more(traffic)
  await agent.start()
  await until(async () => (await web.health()).degraded.length === 0, {
    what: 'the end of the complaints',
    withinMs: 30_000,
  })
  await until(async () => (await agent.api('GET', '/v1/health/connect/orders')).json.length === 1, {
    what: 'a registration',
  })
  const { sent, failed } = await traffic.stop()
  assert.ok(sent > 50)
  assert.deepEqual(failed, [])
})

test('three servers: kill -9 of the leader under load costs no call, and changes arrive afterwards', async (t) => {
  const cluster = await startCluster({ servers: 3, clients: 1 })
  t.after(() => cluster.stop())
  const agent = cluster.clients[0] as Agent
  await publish(agent)
  await startOnConsul(t, agent, 'orders')
  const web = await startOnConsul(t, agent, 'web')
  await answers(web, 'http://orders.mesh/')
  const traffic = load(calling(web, 'http://orders.mesh/'))
  const leader = await cluster.leader()
  await leader.kill('SIGKILL')
  const joined = await startOnConsul(t, agent, 'orders', { TULLE_START_TIMEOUT: '30s' })
  assert.notEqual(await cluster.leader(), leader)
  await until(async () => (await web.fetch('http://orders.mesh/')).text?.includes(`${joined.process.pid}`), {
    what: 'calls for the one that came meanwhile',
    withinMs: 20_000,
  })
  const { sent, failed } = await traffic.stop()
  assert.ok(sent > 50)
  assert.deepEqual(failed, [])
})
