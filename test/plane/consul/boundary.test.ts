import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Dispatcher } from 'undici'
import { isMeshError } from '../../../src/core/errors.ts'
import { startConsulPlane } from '../../../src/plane.ts'
import { type Agent, startAgent } from '../../kit/consul/agent.ts'
import { clientOf, keysOf, policyOf, replica, silent, tokenOf } from './stage.ts'

let agent: Agent
before(async () => {
  agent = await startAgent({ acl: 'deny' })
})
after(() => agent.stop())

const documents = [{ name: 'orders.yaml', text: policyOf('orders', '1s') }]
/** What docs/plane.md says is enough. */
const RULES = 'key_prefix "tulle/" { policy = "write" }\nservice "tulle-plane" { policy = "write" }'

test('after a push, members that are served and half a minute of life Consul keeps versions and a hash, no key and no heartbeat', async (t) => {
  const plane = await replica(t, agent, {
    agent: { address: agent.address, token: await tokenOf(agent, RULES) },
  })
  const member = await clientOf(t, agent, plane, 'orders')
  await plane.pushPolicy({ documents })
  const acknowledged = { instance: 'orders-1', service: 'orders', sequence: 1, refused: [] }
  assert.equal((await member.ask('/v1/acks', { method: 'POST', body: acknowledged })).status, 204)
  const { etag } = await member.ask('/v1/policy')
  const polling = member.ask('/v1/policy', { etag: etag as string, wait: 30 })
  assert.equal((await polling).status, 304, 'half a minute later')
  assert.deepEqual(
    plane.subscribers().map(({ service, sequence }) => [service, sequence]),
    [['orders', 1]],
  )
  assert.deepEqual(await keysOf(agent), ['access/admin-token', 'policy/versions/000000000001'])
  const everything = (await agent.api('GET', '/v1/kv/?recurse')).json as { Key: string; Value: string }[]
  assert.deepEqual(
    everything.map(({ Key }) => Key),
    ['tulle/access/admin-token', 'tulle/policy/versions/000000000001'],
    'nor anywhere else in the KV store',
  )
  const values = everything.map(({ Value }) => Buffer.from(Value, 'base64').toString())
  for (const value of values) {
    assert.doesNotMatch(value, /PRIVATE KEY|tulle_(admin|join)_/)
    assert.equal(value.includes(plane.adminToken!.split('.')[1]!), false)
  }
  assert.deepEqual(Object.keys(JSON.parse(values[0]!)), ['sha256', 'shown'])
})

test('the least that a plane needs of the ACLs is enough, and without any of it the error names the rule', async (t) => {
  const start = async (rules: string) => {
    const token = await tokenOf(agent, rules)
    return replica(t, agent, { store: 'consul:///acl', agent: { address: agent.address, token } })
  }
  const keys = 'key_prefix "acl/" { policy = "write" }'
  const service = 'service "tulle-plane" { policy = "write" }'
  const says = (words: RegExp) => (error: unknown) => {
    assert.ok(isMeshError(error), String(error))
    assert.match(`${error.message} ${error.hint}`, words)
    return true
  }
  await assert.rejects(start(service), says(/key_prefix "acl\/" \{ policy = "write" \}/))
  await assert.rejects(start(keys), says(/service "tulle-plane" \{ policy = "write" \}/))
  await assert.rejects(
    start(`${service}\nkey_prefix "acl/" { policy = "read" }`),
    says(/key_prefix "acl\/" \{ policy = "write" \}/),
  )
  const plane = await start(`${keys}\n${service}`)
  assert.deepEqual(await plane.pushPolicy({ documents }), { sequence: 1, changed: true })
})

const ELSEWHERE: readonly (readonly [Dispatcher.HttpMethod, string, RegExp])[] = [
  ['GET', '/v1/trust', /TULLE_DISCOVERY=consul/],
  ['POST', '/v1/tokens', /there are no join tokens.*TULLE_DISCOVERY=consul/],
  ['GET', '/v1/tokens', /Connect/],
  ['DELETE', '/v1/tokens/1', /Connect/],
  ['GET', '/v1/bans', /consul intention/],
  ['PUT', '/v1/bans/orders', /consul intention/],
  ['DELETE', '/v1/bans/orders', /consul intention/],
  ['GET', '/v1/ca', /consul connect ca/],
  ['POST', '/v1/ca/rotate', /consul connect ca/],
  ['POST', '/v1/ca/retire', /consul connect ca/],
  ['DELETE', '/v1/instances/1', /consul catalog/],
  ['GET', '/v1/endpoints', /consul catalog/],
  ['GET', '/v1/services', /consul catalog/],
]

test('what Consul does the plane does not: each such route says who does, to those who might ask it', async (t) => {
  const plane = await replica(t, agent, { store: 'consul:///routes' })
  const client = await clientOf(t, agent, plane)
  const member = await clientOf(t, agent, plane, 'orders')
  for (const [method, path, words] of ELSEWHERE) {
    const { status, body } = await client.ask(path, { method, token: plane.adminToken })
    assert.deepEqual([status, body.error], [409, 'elsewhere'], `${method} ${path}`)
    assert.match(`${body.message} ${body.hint}`, words)
    assert.match(body.message, /^this plane keeps its state in Consul: /)
    if (path !== '/v1/trust')
      assert.equal((await client.ask(path, { method })).status, 401, `${method} ${path}`)
  }
  const body = { service: 'orders', endpoints: [] }
  assert.equal((await member.ask('/v1/instances/1', { method: 'PUT', body })).body.error, 'elsewhere')
  assert.equal((await member.ask('/v1/svid', { method: 'POST', body: {} })).body.error, 'elsewhere')
})

test('who is who is Connect’s word: members by their leaf, administrators by theirs or by the token, others not at all', async (t) => {
  const store = 'consul:///who'
  const plane = await replica(t, agent, { store, admins: ['deploy'] })
  const ask = async (service: string | undefined, path: string, token?: string) =>
    (await (await clientOf(t, agent, plane, service)).ask(path, { token })).status
  assert.equal(await ask('orders', '/v1/policy'), 200)
  assert.equal(await ask('orders', '/v1/policy/versions'), 403)
  assert.equal(await ask('deploy', '/v1/policy/versions'), 200)
  assert.equal(await ask(undefined, '/v1/policy'), 401)
  assert.equal(await ask(undefined, '/v1/policy/versions', plane.adminToken), 200)
  assert.equal(await ask('tulle-plane', '/v1/policy'), 403)
  const join = `tulle_join_${plane.adminToken!.slice('tulle_admin_'.length)}`
  const client = await clientOf(t, agent, plane)
  const { status, body } = await client.ask('/v1/policy', { token: join })
  assert.deepEqual([status, body.error], [409, 'elsewhere'])
})

test('a store that is none and an agent that is away are refused at once', async () => {
  const start = (store: string, address = agent.address) =>
    startConsulPlane({
      store,
      agent: { address, token: agent.token },
      port: 0,
      host: '127.0.0.1',
      logger: silent,
    })
  const code = (expected: string, words: RegExp) => (error: unknown) =>
    isMeshError(error) && error.code === expected && words.test(error.message)
  for (const store of [
    'consul://',
    'consul:///',
    'redis://x/y',
    'consul:///../x',
    'consul://user@host/x',
    'consul+https:///x',
  ])
    await assert.rejects(start(store), code('TULLE_CONFIG', /consul/), store)
  const started = performance.now()
  await assert.rejects(
    start('consul:///x', 'http://127.0.0.1:1'),
    code('TULLE_CONSUL', /consul:\/\/127\.0\.0\.1:1\/x.*connection refused/),
  )
  assert.ok(performance.now() - started < 2000)
})
