/** Registration in a real agent. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Pulse } from '../../src/discovery/consul-pulse.ts'
import { type Agent, startAgent } from '../kit/consul/agent.ts'
import { registrarOf, STRICT, seen, statuses, TTL_MS, told } from '../kit/consul/registered.ts'
import { siblingOf, startProcess } from '../kit/process.ts'
import { until } from '../kit/wait.ts'

let agent: Agent
before(async () => {
  agent = await startAgent()
})
after(() => agent.stop())

test('from the first word to the last: passing, warning, critical, and nothing left behind', async (t) => {
  let pulse: Pulse = { status: 'passing', output: 'ready' }
  const registrar = registrarOf(t, agent, {
    service: 'life',
    meta: { version: 'v7', zone: 'z1', weight: 3 },
    release: '0.1.0',
    health: () => pulse,
  })
  registrar.listen(STRICT)
  registrar.listen({ ...STRICT, port: 4002, protocol: 'grpc', mtls: 'permissive' })
  registrar.listen({ ...STRICT, port: 4003, mtls: 'disable' })
  await told(agent, 'life', { 'life-i1-4001': 'passing', 'life-i1-4002': 'passing' })
  const [http, grpc] = (await seen('life', agent)).sort((a, b) => (a.id < b.id ? -1 : 1))
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
  await told(agent, 'life', { 'life-i1-4001': 'warning', 'life-i1-4002': 'warning' })
  assert.equal((await seen('life', agent))[0]?.output, 'slow')
  pulse = { status: 'critical', output: 'draining' }
  await told(agent, 'life', { 'life-i1-4001': 'critical', 'life-i1-4002': 'critical' })
  await registrar.deregister()
  await told(agent, 'life', {})
  const { json: services } = await agent.api('GET', '/v1/agent/services')
  const { json: checks } = await agent.api('GET', '/v1/agent/checks')
  assert.deepEqual(
    [...Object.keys(services), ...Object.keys(checks)].filter((id) => id.startsWith('life')),
    [],
  )
})

test('one that speaks plaintext is no native one, and is found where plaintext is asked for', async (t) => {
  const registrar = registrarOf(t, agent, { service: 'plain', hasIdentity: false })
  registrar.listen({ ...STRICT, host: '127.0.0.1', mtls: 'disable' })
  await until(async () => (await seen('plain', agent, 'service')).length === 1, { what: 'its registration' })
  assert.deepEqual(await seen('plain', agent), [])
  assert.equal((await seen('plain', agent, 'service'))[0]?.service.Address, '127.0.0.1')
})

test('who is deregistered by hand is back with the next word', async (t) => {
  const registrar = registrarOf(t, agent, { service: 'removed' })
  registrar.listen(STRICT)
  await told(agent, 'removed', { 'removed-i1-4001': 'passing' })
  await agent.api('PUT', '/v1/agent/service/deregister/removed-i1-4001')
  await told(agent, 'removed', {})
  await told(agent, 'removed', { 'removed-i1-4001': 'passing' })
})

test('FAULTS 23: an agent that comes back empty is told everything again', async (t) => {
  await using other = await startAgent()
  const registrar = registrarOf(t, other, { service: 'wiped' })
  registrar.listen(STRICT)
  await told(other, 'wiped', { 'wiped-i1-4001': 'passing' })
  await other.kill()
  await until(() => registrar.status().problem, { what: 'a problem' })
  await other.start()
  await told(other, 'wiped', { 'wiped-i1-4001': 'passing' })
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
  await told(agent, 'pair', { 'pair-a-4001': 'passing', 'pair-b-4002': 'passing' })
  process.kill(one.pid, 'SIGSTOP')
  await told(agent, 'pair', { 'pair-a-4001': 'critical', 'pair-b-4002': 'passing' })
  assert.match(
    (await seen('pair', agent)).find(({ id }) => id === 'pair-a-4001')?.output ?? '',
    /TTL expired/,
  )
  process.kill(one.pid, 'SIGCONT')
  await told(agent, 'pair', { 'pair-a-4001': 'passing', 'pair-b-4002': 'passing' })
  await two.kill('SIGTERM')
  await told(agent, 'pair', { 'pair-a-4001': 'passing' })
  await one.kill('SIGKILL')
  await told(agent, 'pair', { 'pair-a-4001': 'critical' })
})

test('an agent on a unix socket gives its node’s address to a listener on any', async (t) => {
  await using other = await startAgent({ unixSocket: true })
  const registrar = registrarOf(t, other, { localAddress: async () => undefined })
  registrar.listen(STRICT)
  await told(other, 'orders', { 'orders-i1-4001': 'passing' })
  assert.deepEqual(registrar.status().endpoints, ['127.0.0.1:4001'])
})

test('FAULTS 27: an agent that hangs holds no drain up, and what it missed is gone after its time', async (t) => {
  await using other = await startAgent()
  const registrar = registrarOf(t, other)
  registrar.listen(STRICT)
  await told(other, 'orders', { 'orders-i1-4001': 'passing' })
  await other.pause()
  const started = performance.now()
  await registrar.deregister()
  assert.ok(performance.now() - started < 1500)
  assert.match(registrar.status().problem ?? '', /no answer within 1000 ms/)
  other.resume()
  await until(async () => Object.values(await statuses('orders', other))[0] !== 'passing', {
    what: 'its end',
  })
})
