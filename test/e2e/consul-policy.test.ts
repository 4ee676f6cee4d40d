import assert from 'node:assert/strict'
import { createServer as createHttp } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { startAgent } from '../kit/consul/agent.ts'
import { answered, answering, localMember, POLICY_KEY, publish } from '../kit/consul/members.ts'
import { HTTP, resolver, router } from '../kit/consul-entries.ts'
import { until } from '../kit/wait.ts'

const SOON = { withinMs: 10_000 }

test('Consul’s config entries and its KV store are one policy for calls, changed without a restart', async (t) => {
  const agent = await startAgent()
  t.after(() => agent.stop())
  const { env } = agent
  const write = async (entry: object): Promise<void> =>
    assert.equal((await agent.api('PUT', '/v1/config', entry)).status, 200)
  await write(HTTP)
  await publish(agent)
  const orders = localMember(t, 'orders', { env, policy: POLICY_KEY })
  await answering(orders.mesh)
  const web = localMember(t, 'web', { env, policy: POLICY_KEY })
  await web.mesh.start()

  // A redirect: a name that nobody is registered by.
  await write(resolver('old', { Redirect: { Service: 'orders' } }))
  assert.equal((await answered(web.mesh, 'http://old.mesh/')).service, 'orders')

  // A router's time-out, then a document's over it.
  const slow = await silent(t)
  await agent.api('PUT', '/v1/agent/service/register', { Name: 'slow', Address: '127.0.0.1', Port: slow })
  await publish(agent, { slow: { mtls: 'disable' } })
  await write(
    router('slow', { Match: { HTTP: { PathPrefix: '/x' } }, Destination: { RequestTimeout: '250ms' } }),
  )
  // A call keeps the route it began with: one from before the change would wait for 15 s.
  const told = (): Promise<string> =>
    web.mesh.fetch('http://slow.mesh/x', { signal: AbortSignal.timeout(1000) }).then(String, String)
  let last = ''
  const says = async (text: string) => {
    last = await told()
    return last.includes(text)
  }
  await until(() => says('250 ms'), { what: 'the time-out of the router', ...SOON, seen: () => last })
  await publish(agent, { slow: { mtls: 'disable', timeout: '120ms' } })
  await until(() => says('120 ms'), { what: 'the time-out of the document', ...SOON, seen: () => last })
  const { consul, degraded } = web.mesh.health()
  assert.equal(consul?.policy?.source, 'consul')
  assert.equal(consul?.entries?.entries['service-router'], 1)
  assert.deepEqual(degraded, [])
})

test('one router’s destination elsewhere is told in the health, and its calls go to the service', async (t) => {
  const agent = await startAgent()
  t.after(() => agent.stop())
  await agent.api('PUT', '/v1/config', HTTP)
  await agent.api(
    'PUT',
    '/v1/config',
    router('orders', { Match: { HTTP: { PathPrefix: '/admin' } }, Destination: { Service: 'admin' } }),
  )
  const server = createHttp((_, res) => res.end('"orders"'))
  server.listen(0, '127.0.0.1')
  t.after(() => server.close())
  await until(() => server.listening, { what: 'the service' })
  const { port } = server.address() as AddressInfo
  await agent.api('PUT', '/v1/agent/service/register', { Name: 'orders', Address: '127.0.0.1', Port: port })
  const policy = { version: 1, services: { orders: { mtls: 'disable' } } } as const
  const { mesh, said } = localMember(t, 'web', { env: agent.env, policy })
  await mesh.start()
  assert.equal(String(await answered(mesh, 'http://orders.mesh/admin/x')), 'orders')
  assert.match(said.join('\n'), /service-router\/orders Routes\[0\]\.Destination\.Service: .* not to admin/)
})

/** A server that takes connections and never answers. */
async function silent(t: { after(fn: () => unknown): void }): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => {}))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}
