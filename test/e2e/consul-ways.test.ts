import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { type Agent, type AgentOptions, startAgent } from '../kit/consul/agent.ts'
import { answered, answering, localMember, POLICY_KEY, publish } from '../kit/consul/members.ts'
import { until } from '../kit/wait.ts'

/** Two services on this agent, everything from it, and a call between them. */
async function wholeMesh(t: TestContext, options: AgentOptions): Promise<Agent> {
  const agent = await startAgent(options)
  t.after(() => agent.stop())
  await publish(agent, { orders: { timeout: '7s' } })
  const { env } = agent
  const orders = localMember(t, 'orders', { env, policy: POLICY_KEY })
  const port = await answering(orders.mesh)
  const web = localMember(t, 'web', { env, policy: POLICY_KEY })
  await web.mesh.start()
  const said = await answered(web.mesh, 'http://orders.mesh/')
  assert.equal(said.port, port)
  assert.match(said.id ?? '', /^spiffe:\/\/[0-9a-f-]+\.consul\/ns\/default\/dc\/dc1\/svc\/web$/)
  for (const { mesh, said } of [orders, web]) {
    await until(() => mesh.health().degraded.length === 0, {
      what: 'no complaint',
      seen: () => mesh.health().degraded,
    })
    const { consul, identity, policy } = mesh.health()
    assert.equal(consul?.address, agent.address)
    assert.equal(consul?.endpoints?.source, 'consul')
    assert.equal(consul?.intentions?.source, 'consul')
    assert.equal(consul?.entries?.source, 'consul')
    assert.equal(consul?.policy?.source, 'consul')
    assert.equal(identity?.from, 'consul')
    assert.notEqual(policy.version, 'built-in')
    assert.deepEqual(said, [])
  }
  await orders.mesh.close()
  const { json } = await agent.api('GET', '/v1/health/connect/orders')
  assert.deepEqual(json, [], 'it has deregistered itself')
  return agent
}

test('a whole mesh on an agent with HTTPS that asks for client certificates', async (t) => {
  await wholeMesh(t, { tls: 'mutual' })
})

test('a whole mesh on an agent that is a socket in the file system', async (t) => {
  const agent = await wholeMesh(t, { unixSocket: true })
  assert.match(agent.address, /^unix:/)
})

test('an agent whose certificate is of another CA is not spoken to, and its address is named', async (t) => {
  const [agent, other] = await Promise.all([startAgent({ tls: true }), startAgent({ tls: true })])
  t.after(() => Promise.all([agent.stop(), other.stop()]))
  const env = { ...agent.env, CONSUL_CACERT: other.caFile as string }
  assert.notEqual(readFileSync(other.caFile as string, 'utf8'), readFileSync(agent.caFile as string, 'utf8'))
  const { mesh } = localMember(t, 'web', { env })
  await assert.rejects(mesh.start(), (error: Error) => {
    assert.match(error.message, new RegExp(agent.address))
    assert.match(error.message, /certificate/)
    return true
  })
})

test('two datacenters: orders.dc2.mesh is called over mutual TLS and is who its name says', async (t) => {
  const dc1 = await startAgent({ wan: true, config: { primary_datacenter: 'dc1' } })
  t.after(() => dc1.stop())
  const dc2 = await startAgent({
    wan: true,
    datacenter: 'dc2',
    config: {
      primary_datacenter: 'dc1',
      retry_join_wan: [`127.0.0.1:${dc1.ports.wan}`],
      retry_interval_wan: '100ms',
    },
  })
  t.after(() => dc2.stop())
  await until(async () => (await dc1.api('GET', '/v1/catalog/datacenters')).json?.length === 2, {
    what: 'both datacenters',
    withinMs: 20_000,
  })
  const near = localMember(t, 'orders', { env: dc1.env })
  const far = localMember(t, 'orders', { env: dc2.env })
  const nearPort = await answering(near.mesh)
  const farPort = await answering(far.mesh)
  const id = far.mesh.health().identity?.id
  assert.match(id ?? '', /\/ns\/default\/dc\/dc2\/svc\/orders$/)
  await dc2.api('PUT', '/v1/catalog/register', {
    Node: 'stranger',
    Address: '127.0.0.1',
    Service: {
      ID: 'billing-1',
      Service: 'billing',
      Address: '127.0.0.1',
      Port: nearPort,
      Connect: { Native: true },
    },
  })
  const web = localMember(t, 'web', { env: dc1.env })
  await web.mesh.start()
  for (let round = 0; round < 5; round++) {
    const there = await answered(web.mesh, 'http://orders.dc2.mesh/')
    assert.equal(there.port, farPort)
    assert.match(there.id ?? '', /\/dc\/dc1\/svc\/web$/, 'the caller is of its own datacenter')
    assert.equal((await answered(web.mesh, 'http://orders.mesh/')).port, nearPort)
  }
  // What listens there is somebody else, of another datacenter.
  await assert.rejects(web.mesh.fetch('http://billing.dc2.mesh/'), (error: Error) => {
    assert.match(error.message, /\/dc\/dc2\/svc\/billing/)
    return true
  })
  await assert.rejects(web.mesh.fetch('http://orders.dc9.mesh/'), (error: Error & { code: string }) => {
    assert.equal(error.code, 'TULLE_UNKNOWN_SERVICE')
    assert.match(error.message, /"orders\.dc9"/)
    return true
  })
  assert.match(web.said.join('\n'), /orders\.dc9: Consul knows no datacenter dc9, but dc1, dc2/)
})
