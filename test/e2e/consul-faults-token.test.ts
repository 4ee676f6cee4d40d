import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { intend } from '../kit/consul/intend.ts'
import { answered, answering, localMember } from '../kit/consul/members.ts'
import {
  agentFor,
  appear,
  calls,
  complains,
  HEALTH,
  knows,
  ORDERS,
  ordersOn,
  unharmed,
  well,
} from '../kit/consul/scene.ts'
import { folder } from '../kit/member.ts'
import { delay, until } from '../kit/wait.ts'

const RIGHTS = [
  'service "web" { policy = "write" }',
  'service_prefix "" { policy = "read" }',
  'node_prefix "" { policy = "read" }',
  'agent_prefix "" { policy = "read" }',
].join('\n')

/** An empty answer is believed when it is confirmed for 5 s: nothing may have been confirmed after so long. */
const UNBELIEVED_MS = 8000

test('FAULTS 24, 25: a token that loses its rights, then itself, costs no call; a new one in the file is enough', async (t) => {
  const agent = await agentFor(t, { acl: 'deny' })
  const { ID } = (await agent.api('PUT', '/v1/acl/policy', { Name: 'web', Rules: RIGHTS })).json
  const rules = (Rules: string) => agent.api('PUT', `/v1/acl/policy/${ID}`, { ID, Name: 'web', Rules })
  const make = async () => (await agent.api('PUT', '/v1/acl/token', { Policies: [{ ID }] })).json
  await intend(agent, 'web', 'orders', 'allow')
  const { port } = await ordersOn(t, agent)
  const first = await make()
  const file = join(folder(t), 'token')
  writeFileSync(file, first.SecretID)
  const env = { CONSUL_HTTP_ADDR: agent.address, CONSUL_HTTP_TOKEN_FILE: file }
  const { mesh, said } = localMember(t, 'web', { env })
  await answering(mesh)
  await answered(mesh, ORDERS)
  await until(() => mesh.health().consul?.registration?.state === 'registered', { what: 'a registration' })
  assert.deepEqual(mesh.health().degraded, [])
  const traffic = calls(t, mesh)

  await rules('')
  const blind = await agent.api('GET', HEALTH, undefined, { token: first.SecretID })
  assert.deepEqual([blind.status, blind.json], [200, []], 'the fact this test is about')
  // Blocking queries hear of it when something changes.
  const disappear = await appear(agent, '127.0.0.2', port)
  await complains(mesh, /Consul says that it has no instances|the ACL token sees no service/)
  await delay(UNBELIEVED_MS)
  assert.ok(knows(mesh, '127.0.0.1'), 'what was there stays')

  await agent.api('DELETE', `/v1/acl/token/${first.AccessorID}`)
  await complains(mesh, /does not know this ACL token|ACL not found/)
  await disappear()
  await appear(agent, '127.0.0.3', port)
  await rules(RIGHTS)
  const second = await make()
  writeFileSync(file, second.SecretID)
  const replaced = performance.now()
  await until(() => knows(mesh, '127.0.0.3') && !knows(mesh, '127.0.0.2'), {
    what: 'what has changed meanwhile',
    withinMs: 60_000,
  })
  await well(mesh)
  t.diagnostic(`well again ${(performance.now() - replaced).toFixed(0)} ms after the token was replaced`)
  await unharmed(traffic)
  for (const { SecretID } of [first, second])
    assert.ok(!said.some((line) => line.includes(SecretID)), 'a token is never shown')
})

test('FAULTS 25: a token nobody knows fails the start with its reason; with another in its file the next start succeeds', async (t) => {
  const agent = await agentFor(t, { acl: 'deny' })
  const unknown = '00000000-1111-2222-3333-444444444444'
  const file = join(folder(t), 'token')
  writeFileSync(file, unknown)
  const env = { CONSUL_HTTP_ADDR: agent.address, CONSUL_HTTP_TOKEN_FILE: file }
  const { mesh, said } = localMember(t, 'web', { env, startTimeout: '8s' })
  await assert.rejects(mesh.start(), (error: Error) => {
    assert.match(error.message, /ACL not found/)
    assert.ok(error.message.includes(agent.address))
    assert.ok(!error.message.includes(unknown), 'a token is never shown')
    return true
  })
  writeFileSync(file, agent.token as string)
  await mesh.start()
  assert.equal(mesh.health().state, 'ready')
  await well(mesh)
  assert.ok(!said.some((line) => line.includes(unknown) || line.includes(agent.token as string)))
})
