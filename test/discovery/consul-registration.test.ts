/** Registration in a real agent, in processes of one machine. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { HttpConsulLink } from '../../src/control/consul-link.ts'
import type { Pulse } from '../../src/discovery/consul-pulse.ts'
import { ConsulRegistrar, type ConsulRegistrarOptions } from '../../src/discovery/consul-registrar.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { type Agent, startAgent } from '../kit/consul/agent.ts'
import { type Cleanup, siblingOf, startProcess } from '../kit/process.ts'
import { until } from '../kit/wait.ts'

const TTL_MS = 1000

let agent: Agent
before(async () => {
  agent = await startAgent()
})
after(() => agent.stop())

interface Told {
  readonly id: string
  readonly node: string
  readonly service: Readonly<Record<string, any>>
  readonly status: string
  readonly output: string
}

/** What callers are told of a service, capable of TLS or not. */
async function seen(service: string, of: Agent = agent, kind = 'connect'): Promise<Told[]> {
  const { json } = await of.api('GET', `/v1/health/${kind}/${service}`)
  return json.map(({ Node, Service, Checks }: any) => {
    const own = Checks.find(({ ServiceID }: any) => ServiceID === Service.ID)
    return {
      id: Service.ID,
      node: Node.Address,
      service: Service,
      status: own?.Status,
      output: own?.Output,
    }
  })
}

const statuses = async (service: string, of?: Agent): Promise<Record<string, string>> =>
  Object.fromEntries((await seen(service, of)).map(({ id, status }) => [id, status]))

function registrarOf(t: Cleanup, options: Partial<ConsulRegistrarOptions>, of = agent, token = of.token) {
  const log = { debug() {}, info() {}, warn() {}, error() {} }
  const facts = { clock: systemClock, random: Math.random, log }
  const link = new HttpConsulLink({ ...facts, address: of.address, token })
  const registrar = new ConsulRegistrar({
    ...facts,
    link,
    instance: 'i1',
    service: 'orders',
    meta: {},
    hasIdentity: true,
    localAddress: async () => '127.0.0.1',
    ttlMs: TTL_MS,
    ...options,
  })
  t.after(async () => {
    await registrar.deregister()
    await link.close()
  })
  return registrar
}

const strict = { host: '0.0.0.0', port: 4001, protocol: 'http', mtls: 'strict' } as const

const told = (service: string, expected: Record<string, string>, of?: Agent, withinMs = 5000) => {
  let last: unknown
  return until(
    async () => {
      const now = await statuses(service, of)
      last = now
      return JSON.stringify(Object.entries(now).sort()) === JSON.stringify(Object.entries(expected).sort())
    },
    { what: `callers of ${service} to be told ${JSON.stringify(expected)}`, withinMs, seen: () => last },
  )
}

test('from the first word to the last: passing, warning, critical, and nothing left behind', async (t) => {
  let pulse: Pulse = { status: 'passing', output: 'ready' }
  const registrar = registrarOf(t, {
    service: 'life',
    meta: { version: 'v7', zone: 'z1', weight: 3 },
    release: '0.1.0',
    health: () => pulse,
  })
  registrar.listen(strict)
  registrar.listen({ ...strict, port: 4002, protocol: 'grpc', mtls: 'permissive' })
  registrar.listen({ ...strict, port: 4003, mtls: 'disable' })
  await told('life', { 'life-i1-4001': 'passing', 'life-i1-4002': 'passing' })
  const [http, grpc] = (await seen('life')).sort((a, b) => (a.id < b.id ? -1 : 1))
  assert.deepEqual(http?.service.Meta, {
    protocol: 'http',
    version: 'v7',
    zone: 'z1',
    weight: '3',
    tulle: '0.1.0',
  })
  assert.equal(grpc?.service.Meta.protocol, 'grpc')
  assert.deepEqual(http?.service.Weights, { Passing: 3, Warning: 1 })
  assert.deepEqual([http?.service.Address, http?.node], ['', '127.0.0.1'])
  assert.deepEqual(registrar.status().endpoints, ['127.0.0.1:4001', '127.0.0.1:4002'])
  pulse = { status: 'warning', output: 'slow' }
  await told('life', { 'life-i1-4001': 'warning', 'life-i1-4002': 'warning' })
  assert.equal((await seen('life'))[0]?.output, 'slow')
  pulse = { status: 'critical', output: 'draining' }
  await told('life', { 'life-i1-4001': 'critical', 'life-i1-4002': 'critical' })
  await registrar.deregister()
  await told('life', {})
  const { json: services } = await agent.api('GET', '/v1/agent/services')
  const { json: checks } = await agent.api('GET', '/v1/agent/checks')
  assert.deepEqual(
    [...Object.keys(services), ...Object.keys(checks)].filter((id) => id.startsWith('life')),
    [],
  )
})

test('one that speaks plaintext is no native one, and is found where plaintext is asked for', async (t) => {
  const registrar = registrarOf(t, { service: 'plain', hasIdentity: false })
  registrar.listen({ ...strict, host: '127.0.0.1', mtls: 'disable' })
  await until(async () => (await seen('plain', agent, 'service')).length === 1, { what: 'its registration' })
  assert.deepEqual(await seen('plain'), [])
  assert.equal((await seen('plain', agent, 'service'))[0]?.service.Address, '127.0.0.1')
})

test('who is deregistered by hand is back with the next word', async (t) => {
  const registrar = registrarOf(t, { service: 'removed' })
  registrar.listen(strict)
  await told('removed', { 'removed-i1-4001': 'passing' })
  await agent.api('PUT', '/v1/agent/service/deregister/removed-i1-4001')
  await told('removed', {})
  await told('removed', { 'removed-i1-4001': 'passing' })
})

test('FAULTS 23: an agent that comes back empty is told everything again', async (t) => {
  await using other = await startAgent()
  const registrar = registrarOf(t, { service: 'wiped' }, other)
  registrar.listen(strict)
  await told('wiped', { 'wiped-i1-4001': 'passing' }, other)
  await other.kill()
  await until(() => registrar.status().problem, { what: 'a problem' })
  await other.start()
  await told('wiped', { 'wiped-i1-4001': 'passing' }, other)
  await until(() => registrar.status().problem === undefined, { what: 'the problem to be over' })
})

test('several processes of one service stand side by side; one that stalls turns critical by itself', async (t) => {
  const file = siblingOf(import.meta.url, '../kit/consul/registered-process')
  const start = (INSTANCE: string, PORT: string) =>
    startProcess(t, file, {
      env: {
        CONSUL_HTTP_ADDR: agent.address,
        SERVICE: 'pair',
        INSTANCE,
        PORT,
        TTL_MS: String(TTL_MS),
      },
    })
  const [one, two] = await Promise.all([start('a', '4001'), start('b', '4002')])
  await told('pair', { 'pair-a-4001': 'passing', 'pair-b-4002': 'passing' })
  process.kill(one.pid, 'SIGSTOP')
  await told('pair', { 'pair-a-4001': 'critical', 'pair-b-4002': 'passing' })
  assert.match((await seen('pair')).find(({ id }) => id === 'pair-a-4001')?.output ?? '', /TTL expired/)
  process.kill(one.pid, 'SIGCONT')
  await told('pair', { 'pair-a-4001': 'passing', 'pair-b-4002': 'passing' })
  await two.kill('SIGTERM')
  await told('pair', { 'pair-a-4001': 'passing' })
  await one.kill('SIGKILL')
  await told('pair', { 'pair-a-4001': 'critical' })
})

test('the agent is told after how long it may remove what was killed', async (t) => {
  await using other = await startAgent({ dataDir: true })
  const registrar = registrarOf(t, { service: 'kept', deregisterAfterMs: 90_000 }, other)
  registrar.listen(strict)
  await told('kept', { 'kept-i1-4001': 'passing' }, other)
  const folder = join(other.folder, 'data', 'checks')
  const written = readdirSync(folder).map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')))
  const { ChkType } = written.find(({ Check }) => Check.CheckID === 'kept-i1-4001-alive')
  assert.deepEqual([ChkType.DeregisterCriticalServiceAfter / 1e9, ChkType.TTL / 1e9], [90, 1])
})

test('the agent asks the health port by itself, and believes what it hears', async (t) => {
  let status = 503
  const health = createServer((req, res) => {
    res.writeHead(req.url === '/readyz' ? status : 404).end()
  }).listen(0, '127.0.0.1')
  t.after(() => health.close())
  const registrar = registrarOf(t, {
    service: 'asked',
    check: 'http',
    healthPort: () => (health.address() as AddressInfo | null)?.port,
  })
  registrar.listen(strict)
  await told('asked', { 'asked-i1-4001': 'critical' }, agent, 8000)
  status = 200
  await told('asked', { 'asked-i1-4001': 'passing' }, agent, 8000)
  assert.equal(registrar.status().state, 'registered')
})

test('with ACLs it takes the right to write its own name and no other; who lacks it is told so', async (t) => {
  await using other = await startAgent({ acl: 'deny' })
  const tokenFor = async (name: string): Promise<string> => {
    const rules = { Name: name, Rules: `service "${name}" { policy = "write" }` }
    await other.api('PUT', '/v1/acl/policy', rules)
    const { json } = await other.api('PUT', '/v1/acl/token', { Policies: [{ Name: name }] })
    return json.SecretID
  }
  const registrar = registrarOf(t, { service: 'orders' }, other, await tokenFor('orders'))
  registrar.listen(strict)
  await told('orders', { 'orders-i1-4001': 'passing' }, other)
  assert.deepEqual(registrar.status().endpoints, ['<node>:4001'])
  await other.api('PUT', '/v1/agent/service/deregister/orders-i1-4001')
  await told('orders', {}, other)
  await told('orders', { 'orders-i1-4001': 'passing' }, other)
  for (const [instance, token] of [
    ['foreign', await tokenFor('web')],
    ['unknown', '11111111-2222-3333-4444-555555555555'],
    ['none', ''],
  ] as const) {
    const refused = registrarOf(t, { instance }, other, token)
    refused.listen(strict)
    const problem = await until(() => refused.status().problem, { what: 'a problem' })
    assert.ok(problem.includes('service "orders" { policy = "write" }'), problem)
  }
  await registrar.deregister()
  assert.equal(registrar.status().problem, undefined)
  await told('orders', {}, other)
})
