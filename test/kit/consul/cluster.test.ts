import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../wait.ts'
import { startCluster } from './agent.ts'

test('three servers replace a leader that was killed, and take it back', async (t) => {
  const cluster = await startCluster({ clients: 1, acl: 'deny' })
  t.after(() => cluster.stop())
  const [client] = cluster.clients
  assert.equal((await client!.api('PUT', '/v1/kv/a', 'x')).status, 200)
  const leader = await cluster.leader()
  assert.equal((await cluster.followers()).length, 2)
  await cluster.kill(leader)
  const next = await cluster.leader()
  assert.notEqual(next.node, leader.node)
  assert.equal((await client!.api('GET', '/v1/kv/a')).status, 200)
  await leader.start()
  assert.equal((await leader.api('GET', '/v1/kv/a', undefined, { query: { stale: true } })).status, 200)
})

test('a client agent that is wiped forgets its services and can register them again', async (t) => {
  const cluster = await startCluster({ servers: 1, clients: 1 })
  t.after(() => cluster.stop())
  const [client] = cluster.clients
  const service = { Name: 'orders', Port: 8080 }
  const inCatalog = async (): Promise<number> =>
    (await client!.api('GET', '/v1/catalog/service/orders')).json.length
  await client!.api('PUT', '/v1/agent/service/register', service)
  await until(async () => (await inCatalog()) === 1, { what: 'the service' })
  await client!.restart({ wiped: true })
  assert.deepEqual((await client!.api('GET', '/v1/agent/services')).json, {})
  await until(async () => (await inCatalog()) === 0, { what: 'the catalog to forget it', withinMs: 10_000 })
  await client!.api('PUT', '/v1/agent/service/register', service)
  await until(async () => (await inCatalog()) === 1, { what: 'the service again' })
})
