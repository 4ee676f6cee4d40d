import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkConsul } from '../../../src/cli/check/consul.ts'
import type { Finding } from '../../../src/cli/check/finding.ts'
import { readConfig } from '../../../src/config.ts'
import { agentOf } from '../../../src/control/agent-of.ts'
import { HttpConsulLink } from '../../../src/control/consul-link.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { FakeWorld, tulle } from '../../kit/command.ts'
import { startAgent } from '../../kit/consul/agent.ts'

const log = { debug() {}, info() {}, warn() {}, error() {} }

/** What a check finds with a real link. */
async function look(env: Readonly<Record<string, string>>): Promise<readonly Finding[]> {
  const config = readConfig({ env: { TULLE_SERVICE: 'orders', TULLE_DISCOVERY: 'consul', ...env } })
  const world = new FakeWorld()
  world.consul = new HttpConsulLink({ ...agentOf(config), clock: systemClock, random: Math.random, log })
  return checkConsul(config, world)
}

const lines = (findings: readonly Finding[]): string =>
  findings.map(({ verdict, says, hint }) => `${verdict} ${says} | ${hint ?? ''}`).join('\n')

test('an agent that is well, asked for everything a service needs', async (t) => {
  const agent = await startAgent()
  t.after(() => agent.stop())
  const text = lines(await look(agent.env))
  assert.match(
    text,
    /^pass the agent at http:\/\/127\.0\.0\.1:\d+ answers in .*, and its servers have a leader/,
  )
  assert.match(text, /^pass the catalog shows 1 service /m)
  assert.match(text, /^pass Connect's CA is there: trust domain [0-9a-f-]+\.consul, 1 root /m)
  assert.match(text, /^pass the agent gives this token a certificate for orders /m)
  assert.match(text, /^pass no intentions about calls to orders; otherwise allow \(ACLs are off\) /m)
  assert.match(text, /^pass every config entry is honoured/m)
  if (/^1\.8\./.test(agent.version)) assert.match(text, /^pass Consul 1\.8/m)
  else
    assert.match(
      text,
      /^warn Consul .* is newer than what tulle is tested on \| .*not tested on a real agent/m,
    )
})

test('what a config entry says and tulle does not do is a warning', async (t) => {
  const agent = await startAgent()
  t.after(() => agent.stop())
  await agent.api('PUT', '/v1/config', {
    Kind: 'service-resolver',
    Name: 'stock',
    Failover: { '*': { Datacenters: ['dc2'] } },
  })
  assert.match(
    lines(await look(agent.env)),
    /^warn config entry, not honoured: service-resolver\/stock Failover/m,
  )
})

test('a token without rights is told which rule it lacks', async (t) => {
  const agent = await startAgent({ acl: 'deny' })
  t.after(() => agent.stop())
  const { CONSUL_HTTP_TOKEN: _, ...anonymous } = agent.env
  const text = lines(await look(anonymous as Record<string, string>))
  assert.match(text, /^warn the catalog shows no service at all/m)
  assert.match(text, /^fail .*403.*service "orders" \{ policy = "write" \}/m)
  assert.match(lines(await look(agent.env)), /otherwise deny \(the ACL default policy is deny\)/)
  const Rules = 'service_prefix "" { policy = "write" }'
  await agent.api('PUT', '/v1/acl/policy', { Name: 'no-nodes', Rules })
  const blind = await agent.api('PUT', '/v1/acl/token', { Policies: [{ Name: 'no-nodes' }] })
  assert.match(
    lines(await look({ ...anonymous, CONSUL_HTTP_TOKEN: blind.json.SecretID } as Record<string, string>)),
    /^fail the catalog shows 1 service and no node, so .* \| The ACL token lacks node_prefix "" \{ policy = "read" \}/m,
  )
})

test('an agent that is away fails the check, with its address', async () => {
  const [finding, ...more] = await look({ CONSUL_HTTP_ADDR: '127.0.0.1:1' })
  assert.equal(finding?.verdict, 'fail')
  assert.match(`${finding?.says}`, /127\.0\.0\.1:1/)
  assert.deepEqual(more, [])
})

test('the command has a group for Consul, and reads a policy from its KV store', async (t) => {
  const agent = await startAgent()
  t.after(() => agent.stop())
  await agent.api('PUT', '/v1/kv/tulle/mesh.yaml', 'version: 1\nservices: { stock: { timeout: soon } }\n')
  const world = new FakeWorld()
  world.env = {
    TULLE_SERVICE: 'orders',
    TULLE_DISCOVERY: 'consul',
    TULLE_POLICY: 'consul://tulle/mesh.yaml',
    ...agent.env,
  }
  world.openConsul = (options) =>
    new HttpConsulLink({ ...options, clock: systemClock, random: Math.random, log })
  const { code, out } = await tulle(world, 'check')
  assert.equal(code, 1)
  assert.match(out, /^consul$/m)
  assert.match(
    out,
    /fail {2}policy: .*services\.stock\.timeout: expected a duration.*consul:\/\/tulle\/mesh\.yaml:2/,
  )
})
