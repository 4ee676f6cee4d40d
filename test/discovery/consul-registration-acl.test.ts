/** Registration in a real agent that denies whatever is not granted. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Pulse } from '../../src/discovery/consul-pulse.ts'
import { type Agent, startAgent } from '../kit/consul/agent.ts'
import { registrarOf, STRICT, told } from '../kit/consul/registered.ts'
import { until } from '../kit/wait.ts'

let agent: Agent
before(async () => {
  agent = await startAgent({ acl: 'deny' })
})
after(() => agent.stop())

/** A token that may write one service. */
async function tokenFor(service: string): Promise<{ readonly secret: string; readonly accessor: string }> {
  const rules = `service "${service}" { policy = "write" }`
  const name = `${service}-${crypto.randomUUID()}`
  await agent.api('PUT', '/v1/acl/policy', { Name: name, Rules: rules })
  const { json } = await agent.api('PUT', '/v1/acl/token', { Policies: [{ Name: name }] })
  return { secret: json.SecretID, accessor: json.AccessorID }
}

test('it takes the right to write its own name, for all of it', async (t) => {
  const { secret } = await tokenFor('orders')
  const registrar = registrarOf(t, agent, { token: secret })
  registrar.listen(STRICT)
  await told(agent, 'orders', { 'orders-i1-4001': 'passing' })
  assert.deepEqual(registrar.status().endpoints, ['<node>:4001'])
  await agent.api('PUT', '/v1/agent/service/deregister/orders-i1-4001')
  await told(agent, 'orders', {})
  await told(agent, 'orders', { 'orders-i1-4001': 'passing' })
  await registrar.deregister()
  assert.equal(registrar.status().problem, undefined)
  await told(agent, 'orders', {})
})

for (const [what, token] of [
  ['the right to write another name', async () => (await tokenFor('web')).secret],
  ['a token nobody knows', async () => '11111111-2222-3333-4444-555555555555'],
  ['no token', async () => ''],
] as const)
  test(`FAULTS 25: with ${what} it is told which rule is missing`, async (t) => {
    const registrar = registrarOf(t, agent, { token: await token() })
    registrar.listen(STRICT)
    const problem = await until(() => registrar.status().problem, { what: 'a problem' })
    assert.ok(problem.includes('service "orders" { policy = "write" }'), problem)
    assert.equal(registrar.status().state, 'registering')
  })

test('a token that is replaced in its file carries the registration on: the agent keeps the one it came with', async (t) => {
  const tokenFile = join(agent.folder, 'token')
  const old = await tokenFor('renewed')
  writeFileSync(tokenFile, old.secret)
  let pulse: Pulse = { status: 'passing', output: 'ready' }
  const registrar = registrarOf(t, agent, { service: 'renewed', tokenFile, health: () => pulse })
  registrar.listen(STRICT)
  await told(agent, 'renewed', { 'renewed-i1-4001': 'passing' })
  writeFileSync(tokenFile, (await tokenFor('renewed')).secret)
  await agent.api('DELETE', `/v1/acl/token/${old.accessor}`)
  pulse = { status: 'warning', output: 'slow' }
  await told(agent, 'renewed', { 'renewed-i1-4001': 'warning' }, 8000)
})
