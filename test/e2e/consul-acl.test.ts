import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
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
import { complains } from '../kit/consul/scene.ts'
import { root } from '../kit/root.ts'
import { until } from '../kit/wait.ts'

/** The policy that docs/consul.md prints for `web`, which calls `orders`: its rules, one a line. */
const RULES = /```hcl\n([\s\S]*?)```/
  .exec(readFileSync(join(root, 'docs/consul.md'), 'utf8'))?.[1]
  ?.split('\n')
  .filter((line) => /^\w/.test(line)) as string[]

const POLICY = RULES.join('\n')

/** The same for `orders`, which calls nobody but `web`. */
const POLICY_OF_ORDERS = POLICY.replace(/"(web|orders)"/g, (_, name) =>
  name === 'web' ? '"orders"' : '"web"',
)

const without = (...rules: readonly RegExp[]): string => {
  const left = RULES.filter((line) => !rules.some((rule) => rule.test(line)))
  assert.equal(left.length, RULES.length - rules.length, `one rule matches each of ${rules}`)
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
  const orders = await member(t, agent, 'orders', POLICY_OF_ORDERS)
  await answering(orders.mesh)
  return agent
}

async function member(t: TestContext, agent: Agent, service: string, rules: string): Promise<LocalMember> {
  const env = { CONSUL_HTTP_ADDR: agent.address, CONSUL_HTTP_TOKEN: await token(agent, rules) }
  return localMember(t, service, { env, policy: POLICY_KEY })
}

test('with exactly the rules of the minimal policy the whole mesh works', async (t) => {
  const agent = await strictAgent(t)
  const web = await member(t, agent, 'web', POLICY)
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
  const orders = await member(t, agent, 'orders', POLICY_OF_ORDERS)
  await assert.rejects(answered(orders.mesh, 'http://web.mesh/', 1000), /403/)
  const { json } = await agent.api('GET', '/v1/health/connect/web')
  assert.deepEqual(
    json.map(({ Service }: any) => Service.Port),
    [port],
  )
})

test('one rule for all services does as well as one for each that is called', async (t) => {
  const agent = await strictAgent(t)
  const each = without(/^service "orders"/, /^service "consul"/)
  const web = await member(t, agent, 'web', `${each}\nservice_prefix "" { policy = "read" }`)
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
  await complains(web.mesh, /service "web" \{ policy = "write" \}/)
})

test('without the rule for a service that it calls that one is unknown, and the log has the rule', async (t) => {
  const agent = await strictAgent(t)
  const web = await member(t, agent, 'web', without(/^service "orders"/))
  await answering(web.mesh)
  await assert.rejects(ask(web.mesh, 'http://orders.mesh/'), { code: 'TULLE_UNKNOWN_SERVICE' })
  await until(() => web.said.some((line) => /^orders: .*service "orders" \{ policy = "read" \}/.test(line)), {
    what: 'a word in the log',
    seen: () => web.said,
  })
})

test('without any rule for services it calls they are unknown, and health has the rule', async (t) => {
  const agent = await strictAgent(t)
  const web = await member(t, agent, 'web', without(/^service "orders"/, /^service "consul"/))
  await answering(web.mesh)
  await assert.rejects(ask(web.mesh, 'http://orders.mesh/'), { code: 'TULLE_UNKNOWN_SERVICE' })
  await complains(web.mesh, /service_prefix "" \{ policy = "read" \}/)
})

test('without the rule for consul a service that ended is not believed to have, and health has the rule', async (t) => {
  const agent = await strictAgent(t)
  const more = await member(t, agent, 'stock', POLICY_OF_ORDERS.replaceAll('"orders"', '"stock"'))
  await answering(more.mesh)
  const rules = without(/^service "consul"/).replace('"orders"', '"stock"')
  const web = await member(t, agent, 'web', rules)
  await web.mesh.start()
  const intention = { SourceName: 'web', DestinationName: 'stock', Action: 'allow' }
  await agent.api('POST', '/v1/connect/intentions', intention)
  await answered(web.mesh, 'http://stock.mesh/')
  await more.mesh.close()
  await complains(web.mesh, /service "consul" \{ policy = "read" \}/, 20_000)
  assert.equal(web.mesh.describe('stock').endpoints.length, 1)
})

test('without a rule for nodes there are no instances, and health has the rule', async (t) => {
  const agent = await strictAgent(t)
  const web = await member(t, agent, 'web', without(/^node_prefix/))
  await web.mesh.start()
  await assert.rejects(ask(web.mesh, 'http://orders.mesh/'), { code: 'TULLE_NO_ENDPOINT' })
  await complains(web.mesh, /node_prefix "" \{ policy = "read" \}/)
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
