import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { isMeshError } from '../../src/core/errors.ts'
import { createMesh } from '../../src/index.ts'
import { type Agent, startAgent, startProxy } from '../kit/consul/agent.ts'
import type { Cleanup } from '../kit/process.ts'
import { until } from '../kit/wait.ts'

function member(t: Cleanup, agent: Agent, service: string) {
  const mesh = createMesh({
    service,
    discovery: 'consul',
    env: agent.env,
    log: 'silent',
    drainDelay: 0,
  })
  t.after(() => mesh.close())
  return mesh
}

/** A program that knows nothing of meshes. @returns `host:port` */
async function plainServer(t: Cleanup): Promise<string> {
  const server = createServer((req, res) => {
    res.setHeader('connection', 'close')
    res.end(`${req.method} ${req.url}`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function intend(agent: Agent, source: string, destination: string, Action: 'allow' | 'deny') {
  const { status } = await agent.api(
    'PUT',
    `/v1/connect/intentions/exact?source=${source}&destination=${destination}`,
    { Action },
  )
  if (status === 200) return
  const list = (await agent.api('GET', '/v1/connect/intentions')).json as any[]
  const known = list?.find(
    ({ SourceName, DestinationName }) => SourceName === source && DestinationName === destination,
  )
  const body = { SourceName: source, DestinationName: destination, SourceType: 'consul', Action }
  const { status: old, text } = known
    ? await agent.api('PUT', `/v1/connect/intentions/${known.ID}`, body)
    : await agent.api('POST', '/v1/connect/intentions', body)
  assert.equal(old, 200, text)
}

test('a tulle service calls a program behind Consul’s own proxy, whose intentions decide', async (t) => {
  const agent = await startAgent()
  t.after(() => agent.stop())
  const serviceAddress = await plainServer(t)
  const Port = Number(serviceAddress.split(':')[1])
  await agent.api('PUT', '/v1/agent/service/register', { Name: 'db', Port })
  const proxy = await startProxy(agent, { service: 'db', serviceAddress, register: true })
  t.after(() => proxy.stop())
  const web = member(t, agent, 'web')
  await web.start()
  const call = async (): Promise<string> => {
    const answer = await web.fetch('http://db.mesh/rows?x=1', { mesh: { retry: false } })
    return `${answer.status} ${await answer.text()}`
  }
  assert.equal(await call(), '200 GET /rows?x=1')
  await intend(agent, 'web', 'db', 'deny')
  const refusal = await until(
    () =>
      call().then(
        () => false,
        (error: unknown) => error,
      ),
    {
      what: 'a refusal',
      withinMs: 10_000,
    },
  )
  assert.ok(isMeshError(refusal), String(refusal))
  await intend(agent, 'web', 'db', 'allow')
  await until(() => call().catch(() => false), { what: 'an answer again', withinMs: 15_000 })
})

test('a service that has nothing but a sidecar in the catalog is called by its name', async (t) => {
  const agent = await startAgent()
  t.after(() => agent.stop())
  const serviceAddress = await plainServer(t)
  const proxy = await startProxy(agent, { service: 'db', serviceAddress, register: true })
  t.after(() => proxy.stop())
  const { json: catalog } = await agent.api('GET', '/v1/catalog/services')
  assert.deepEqual(Object.keys(catalog), ['consul', 'db-proxy'])
  const answer = await member(t, agent, 'web').fetch('http://db.mesh/rows')
  assert.equal(`${answer.status} ${await answer.text()}`, '200 GET /rows')
})

test('a program behind Consul’s own proxy calls a tulle service, whose intentions decide', async (t) => {
  const agent = await startAgent()
  t.after(() => agent.stop())
  const orders = member(t, agent, 'orders')
  await orders.serve(
    (req, res) => res.end(`${req.mesh?.peer.service} ${req.mesh?.peer.id} ${req.method} ${req.url}`),
    { host: '127.0.0.1', signals: false },
  )
  const proxy = await startProxy(agent, { service: 'web', upstreams: { orders: 0 } })
  t.after(() => proxy.stop())
  const call = async (init?: RequestInit): Promise<string> => {
    const answer = await fetch(`http://${proxy.upstreams.orders}/rows?x=1`, init)
    return `${answer.status} ${await answer.text()}`
  }
  const said = await until(() => call().catch(() => false), { what: 'an answer', withinMs: 15_000 })
  assert.match(
    String(said),
    /^200 web spiffe:\/\/[0-9a-f-]+\.consul\/ns\/default\/dc\/dc1\/svc\/web GET \/rows\?x=1$/,
  )
  await intend(agent, 'web', 'orders', 'deny')
  const denied = await until(
    async () => {
      const answer = await call()
      return answer.startsWith('200') ? false : answer
    },
    { what: 'a refusal', withinMs: 10_000 },
  )
  assert.match(denied, /^403 /)
  await intend(agent, 'web', 'orders', 'allow')
  await until(async () => (await call()).startsWith('200'), { what: 'an answer again', withinMs: 10_000 })
})
