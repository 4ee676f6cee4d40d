import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { freePorts, startAgent, startProxy } from './agent.ts'

test('two proxies carry a request from one service to another over Connect', async (t) => {
  const agent = await startAgent()
  let connections = 0
  const server = createServer((_, res) => res.end('hello')).on('connection', () => connections++)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(async () => {
    server.closeAllConnections()
    server.close()
    await agent.stop()
  })
  const serviceAddress = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const db = await startProxy(agent, { service: 'db', serviceAddress, register: true })
  t.after(() => db.stop())
  assert.equal(connections, 0)
  const found = (await agent.api('GET', '/v1/health/connect/db')).json
  assert.equal(`127.0.0.1:${found[0].Service.Port}`, db.listen)

  const web = await startProxy(agent, { service: 'web', upstreams: { db: 0 } })
  t.after(() => web.stop())
  assert.equal(await (await fetch(`http://${web.upstreams.db}/`)).text(), 'hello')
  assert.equal(connections, 1)
  await db.stop('SIGTERM')
  assert.deepEqual((await agent.api('GET', '/v1/health/connect/db')).json, [])
})

test('a sidecar reads from its registration where to listen', async (t) => {
  const agent = await startAgent()
  t.after(() => agent.stop())
  const [Port, LocalBindPort] = await freePorts(2)
  const SidecarService = { Port, Proxy: { Upstreams: [{ DestinationName: 'db', LocalBindPort }] } }
  await agent.api('PUT', '/v1/agent/service/register', { Name: 'shop', Port: 1, Connect: { SidecarService } })
  const shop = await startProxy(agent, { sidecarFor: 'shop' })
  t.after(() => shop.stop())
  assert.deepEqual([shop.listen, shop.upstreams.db], [`127.0.0.1:${Port}`, `127.0.0.1:${LocalBindPort}`])
})

test('a proxy that cannot start says why, in its own words', async (t) => {
  const agent = await startAgent()
  t.after(() => agent.stop())
  await assert.rejects(startProxy(agent, { sidecarFor: 'nobody' }), /nobody is not registered with a sidecar/)
  await assert.rejects(
    startProxy(agent, { service: 'a', upstreams: { b: 1 }, logLevel: 'x' as 'info' }),
    /its log\n.+/,
  )
})
