import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type Agent, startAgent } from '../kit/consul/agent.ts'
import {
  answered,
  answering,
  ask,
  type LocalMember,
  localMember,
  POLICY_KEY,
  publish,
} from '../kit/consul/members.ts'
import { until } from '../kit/wait.ts'

/** What a service named `web` needs of Consul, and nothing else; docs/consul.md has the same. */
const MINIMAL_POLICY = `
# To register itself, to have its certificate, to read its own intentions.
service "web" { policy = "write" }
# To find those it calls, and the config entries about them. A rule for each of them does as well.
service_prefix "" { policy = "read" }
# Instances are told together with the node they are on.
node_prefix "" { policy = "read" }
# Only with TULLE_POLICY=consul://tulle/mesh.yaml.
key "tulle/mesh.yaml" { policy = "read" }
# Only to learn the default of the intentions; without it the default is deny.
agent_prefix "" { policy = "read" }
`

/** The rules of the policy, each by its line. */
const RULES = MINIMAL_POLICY.split('\n').filter((line) => /^\w/.test(line))
const without = (rule: RegExp): string => {
  const left = RULES.filter((line) => !rule.test(line))
  assert.equal(left.length, RULES.length - 1, `one rule matches ${rule}`)
  return left.join('\n')
}

let policies = 0
async function token(agent: Agent, rules: string): Promise<string> {
  const name = `policy-${policies++}`
  const made = await agent.api('PUT', '/v1/acl/policy', { Name: name, Rules: rules })
  assert.equal(made.status, 200, made.text)
  const { json } = await agent.api('PUT', '/v1/acl/token', { Policies: [{ Name: name }] })
  return json.SecretID
}

/** An agent that allows nothing by default, and `orders` on it, which `web` may call. */
async function strictAgent(t: TestContext): Promise<Agent> {
  const agent = await startAgent({ acl: 'deny' })
  t.after(() => agent.stop())
  await publish(agent)
  const intention = { SourceName: 'web', DestinationName: 'orders', Action: 'allow' }
  assert.equal((await agent.api('POST', '/v1/connect/intentions', intention)).status, 200)
  const orders = await member(t, agent, 'orders', MINIMAL_POLICY.replace('"web"', '"orders"'))
  await answering(orders.mesh)
  return agent
}

async function member(t: TestContext, agent: Agent, service: string, rules: string): Promise<LocalMember> {
  const env = { CONSUL_HTTP_ADDR: agent.address, CONSUL_HTTP_TOKEN: await token(agent, rules) }
  return localMember(t, service, { env, policy: POLICY_KEY })
}

const complaint = ({ mesh }: LocalMember, of: RegExp): Promise<unknown> =>
  until(() => mesh.health().degraded.some((each) => of.test(each)), {
    what: `a complaint like ${of}`,
    seen: () => mesh.health().degraded,
  })

test('with exactly the rules of the minimal policy the whole mesh works', async (t) => {
  const agent = await strictAgent(t)
  const web = await member(t, agent, 'web', MINIMAL_POLICY)
  const port = await answering(web.mesh)
  const said = await answered(web.mesh, 'http://orders.mesh/')
  assert.match(said.id ?? '', /\/svc\/web$/)
  await until(() => web.mesh.health().consul?.registration?.state === 'registered', {
    what: 'a registration',
  })
  assert.deepEqual(web.mesh.health().degraded, [])
  assert.match(web.mesh.health().consul?.intentions?.fallback ?? '', /^deny: the ACL default policy is deny/)
  assert.deepEqual(web.said, [])
  // Nobody was allowed to call it.
  const orders = await member(t, agent, 'orders', MINIMAL_POLICY.replace('"web"', '"orders"'))
  await assert.rejects(answered(orders.mesh, 'http://web.mesh/', 1000), /403/)
  const { json } = await agent.api('GET', '/v1/health/connect/web')
  assert.deepEqual(
    json.map(({ Service }: any) => Service.Port),
    [port],
  )
})

test('a rule for each service that is called does as well as one for all', async (t) => {
  const agent = await strictAgent(t)
  const rules = MINIMAL_POLICY.replace('service_prefix "" {', 'service "orders" {')
  const web = await member(t, agent, 'web', rules)
  await web.mesh.start()
  await answered(web.mesh, 'http://orders.mesh/')
  assert.deepEqual(web.mesh.health().degraded, [])
})

test('without the rule for itself it gets no certificate, and the error has the rule', async (t) => {
  const agent = await strictAgent(t)
  const web = await member(t, agent, 'web', without(/^service "web"/))
  await assert.rejects(web.mesh.start(), (error: Error & { code: string }) => {
    assert.equal(error.code, 'TULLE_IDENTITY')
    assert.match(error.message, /service "web" \{ policy = "write" \}/)
    assert.ok(error.message.includes(agent.address))
    return true
  })
  await complaint(web, /service "web" \{ policy = "write" \}/)
})

test('without a rule for the services it calls they are unknown, and health has the rule', async (t) => {
  const agent = await strictAgent(t)
  const web = await member(t, agent, 'web', without(/^service_prefix/))
  await answering(web.mesh)
  await assert.rejects(ask(web.mesh, 'http://orders.mesh/'), { code: 'TULLE_UNKNOWN_SERVICE' })
  await complaint(web, /service_prefix "" \{ policy = "read" \}/)
})

test('without a rule for nodes there are no instances, and health has the rule', async (t) => {
  const agent = await strictAgent(t)
  const web = await member(t, agent, 'web', without(/^node_prefix/))
  await web.mesh.start()
  await assert.rejects(ask(web.mesh, 'http://orders.mesh/'), { code: 'TULLE_NO_ENDPOINT' })
  await complaint(web, /node_prefix "" \{ policy = "read" \}/)
})

test('without the rule for its policy it does not start, and the error has the rule', async (t) => {
  const agent = await strictAgent(t)
  const web = await member(t, agent, 'web', without(/^key /))
  await assert.rejects(web.mesh.start(), (error: Error & { hint?: string }) => {
    assert.match(`${error.message} ${error.hint}`, /key "tulle\/mesh\.yaml" \{ policy = "read" \}/)
    assert.ok(error.message.includes(agent.address))
    return true
  })
})

test('without the rule for agents it works, and says why the default of intentions is deny', async (t) => {
  const agent = await strictAgent(t)
  const web = await member(t, agent, 'web', without(/^agent_prefix/))
  await answering(web.mesh)
  await answered(web.mesh, 'http://orders.mesh/')
  await until(() => web.mesh.health().consul?.registration?.state === 'registered', {
    what: 'a registration',
  })
  assert.deepEqual(web.mesh.health().degraded, [])
  assert.match(web.mesh.health().consul?.intentions?.fallback ?? '', /^deny: .*agent:read/)
})
