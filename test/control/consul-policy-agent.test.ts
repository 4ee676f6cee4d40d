import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { HttpConsulLink } from '../../src/control/consul-link.ts'
import { ConsulPolicyFeed } from '../../src/control/consul-policy-feed.ts'
import { policyKey } from '../../src/control/consul-policy-key.ts'
import type { PolicyUpdate } from '../../src/control/feed.ts'
import { systemClock, systemWall } from '../../src/platform/clock.ts'
import { type Agent, startAgent } from '../kit/consul/agent.ts'
import { parsePolicy } from '../kit/policy.ts'
import { until } from '../kit/wait.ts'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const SOON = { what: 'the change of a key', withinMs: 1000 }
const mesh = (timeout: string): string => `version: 1\nservices: { orders: { timeout: ${timeout} } }\n`
const timeouts = (update: PolicyUpdate | undefined): readonly unknown[] =>
  (update?.documents ?? []).map(({ services }) => services.get('orders')?.timeout)

let agent: Agent
let readOnly: string

before(async () => {
  agent = await startAgent({ acl: 'deny' })
  await agent.api('PUT', '/v1/acl/policy', {
    Name: 'policy-reader',
    Rules: 'key "tulle/mesh.yaml" { policy = "read" } key_prefix "team/" { policy = "read" }',
  })
  const made = await agent.api('PUT', '/v1/acl/token', { Policies: [{ Name: 'policy-reader' }] })
  readOnly = made.json.SecretID
})
after(() => agent.stop())

async function feedOf(text: string, token: string | undefined) {
  const ports = { clock: systemClock, random: Math.random, log: quiet }
  const link = new HttpConsulLink({ ...ports, address: agent.address, token })
  const from = policyKey(text)
  assert(from)
  const feed = new ConsulPolicyFeed({
    ...ports,
    link,
    from,
    parse: parsePolicy,
    wall: systemWall,
    startMs: 300,
  })
  return {
    feed,
    async [Symbol.asyncDispose]() {
      await feed.close()
      await link.close()
    },
  }
}

test('on a real agent a change of the key is in force within a second, with the least rights there are', async () => {
  await agent.api('PUT', '/v1/kv/tulle/mesh.yaml', mesh('1s'))
  await using world = await feedOf('consul://tulle/mesh.yaml', readOnly)
  const { feed } = world
  await feed.start(new AbortController().signal)
  assert.deepEqual(timeouts(feed.current), [1000])
  await agent.api('PUT', '/v1/kv/tulle/mesh.yaml', mesh('2s'))
  await until(() => timeouts(feed.current)[0] === 2000, SOON)
  await agent.api('DELETE', '/v1/kv/tulle/mesh.yaml')
  await until(() => feed.current?.problems.length === 1, SOON)
  assert.deepEqual(timeouts(feed.current), [2000])
  await agent.api('PUT', '/v1/kv/tulle/mesh.yaml', mesh('3s'))
  await until(() => timeouts(feed.current)[0] === 3000, SOON)
  assert.deepEqual(feed.current?.problems, [])
})

test('on a real agent a prefix is every key below it, and one that is deleted is gone', async () => {
  await agent.api('PUT', '/v1/kv/team/a.yaml', mesh('1s'))
  await agent.api('PUT', '/v1/kv/team/b.yaml', 'version: 1\nservices: { carts: { timeout: 1s } }\n')
  await using world = await feedOf('consul://team/', readOnly)
  const { feed } = world
  await feed.start(new AbortController().signal)
  assert.equal(feed.current?.documents.length, 2)
  await agent.api('DELETE', '/v1/kv/team/b.yaml')
  await until(() => feed.current?.documents.length === 1, SOON)
  assert.equal(feed.status().problem, undefined)
})

test('on a real agent without a token the error says which rule is missing', async () => {
  await agent.api('PUT', '/v1/kv/tulle/mesh.yaml', mesh('1s'))
  await using key = await feedOf('consul://tulle/mesh.yaml', undefined)
  await assert.rejects(key.feed.start(new AbortController().signal), {
    code: 'TULLE_CONSUL',
    message: /403: Permission denied/,
    hint: 'The ACL token needs: key "tulle/mesh.yaml" { policy = "read" }',
  })
  await using prefix = await feedOf('consul://tulle/', undefined)
  await assert.rejects(prefix.feed.start(new AbortController().signal), {
    code: 'TULLE_POLICY',
    hint: /key_prefix "tulle\/" \{ policy = "read" \}/,
  })
})
