import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ConsulIntentions, type ConsulIntentionsOptions } from '../../src/control/consul-intentions.ts'
import { HttpConsulLink } from '../../src/control/consul-link.ts'
import { compilePattern } from '../../src/control/linear-pattern.ts'
import { systemClock, systemWall } from '../../src/platform/clock.ts'
import { compileIntentions } from '../../src/security/intentions.ts'
import { type Agent, type AgentOptions, startAgent } from '../kit/consul/agent.ts'
import { intend } from '../kit/consul/intend.ts'
import { access } from '../kit/intentions.ts'
import { MemoryState } from '../kit/memory-state.ts'
import { until } from '../kit/wait.ts'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const signal = () => new AbortController().signal

let strict: Agent
let open: Agent

before(async () => {
  ;[strict, open] = await Promise.all([startAgent({ acl: 'deny' }), startAgent()])
})
after(() => Promise.all([strict.stop(), open.stop()]))

async function tokenFor(agent: Agent, name: string, rules: string): Promise<string> {
  await agent.api('PUT', '/v1/acl/policy', { Name: name, Rules: rules })
  return (await agent.api('PUT', '/v1/acl/token', { Policies: [{ Name: name }] })).json.SecretID
}

async function forget(agent: Agent, destination: string): Promise<void> {
  for (const { ID, DestinationName } of (await agent.api('GET', '/v1/connect/intentions')).json ?? [])
    if (DestinationName === destination) await agent.api('DELETE', `/v1/connect/intentions/${ID}`)
}

function follow(
  agent: Pick<Agent, 'address'>,
  token: string | undefined,
  service: string,
  more: Partial<ConsulIntentionsOptions> = {},
) {
  const ports = { clock: systemClock, random: Math.random, log: quiet }
  const link = new HttpConsulLink({ ...ports, address: agent.address, token })
  const intentions = new ConsulIntentions({
    ...ports,
    wall: systemWall,
    link,
    service,
    compile: (name, list) => compileIntentions(name, list, compilePattern),
    ...more,
  })
  return {
    intentions,
    allows: (caller: string | undefined) => intentions.judge(access(caller)).allowed,
    async [Symbol.asyncDispose]() {
      await intentions.close()
      await link.close()
    },
  }
}

test('a change of an intention decides on the next request, within a second', async (t) => {
  const token = await tokenFor(strict, 'orders', 'service "orders" { policy = "write" }')
  await intend(strict, 'web', 'orders', 'allow')
  await using world = follow(strict, token, 'orders')
  await world.intentions.start(signal())
  assert.equal(world.allows('web'), true)
  assert.equal(world.allows('cron'), false)
  const took: number[] = []
  for (const action of ['deny', 'allow', 'deny', 'allow', 'deny'] as const) {
    const from = performance.now()
    await intend(strict, 'web', 'orders', action)
    await until(() => world.allows('web') === (action === 'allow'), { what: action, withinMs: 1000 })
    took.push(performance.now() - from)
  }
  t.diagnostic(`an intention is in force after ${took.map((ms) => ms.toFixed(0)).join(', ')} ms`)
  await intend(strict, '*', '*', 'allow')
  await until(() => world.allows('cron'), { what: 'the wildcard', withinMs: 1000 })
  assert.equal(world.allows('web'), false)
  await forget(strict, '*')
  await forget(strict, 'orders')
  await until(() => world.intentions.status().intentions === 0, { what: 'none', withinMs: 1000 })
  assert.equal(world.allows('cron'), false)
})

test('what Consul itself decides is what is decided here', async () => {
  const sources = ['web', 'api', '*']
  const destinations = ['orders', '*']
  for (const agent of [strict, open]) {
    let bits = 1
    for (let round = 0; round < 12; round++) {
      for (const source of sources)
        for (const destination of destinations) {
          bits = (Math.imul(bits, 1103515245) + 12345) >>> 0
          const choice = (bits >>> 16) % 3
          if (choice < 2) await intend(agent, source, destination, choice === 0 ? 'allow' : 'deny')
        }
      const match = await agent.api('GET', '/v1/connect/intentions/match?by=destination&name=orders')
      const rules = compileIntentions('orders', match.json.orders ?? [], compilePattern)
      for (const name of ['web', 'api', 'cron']) {
        const path = `/v1/connect/intentions/check?source=${name}&destination=orders`
        const { Allowed: allowed } = (await agent.api('GET', path)).json
        const verdict = rules.judge(access(name))
        assert.equal(
          verdict?.allowed ?? agent === open,
          allowed,
          `${name}: ${verdict?.reason ?? 'the default'}`,
        )
      }
      for (const destination of destinations) await forget(agent, destination)
    }
  }
})

test('the default is that of the ACL policy, deny where the token may not read it', async () => {
  const ask = async (agent: Agent, token: string | undefined, more = {}) => {
    await using world = follow(agent, token, 'orders', more)
    await world.intentions.start(signal())
    return [world.intentions.status().fallback, world.allows('web'), world.allows(undefined)]
  }
  const weak = await tokenFor(strict, 'weak', 'service "orders" { policy = "read" }')
  const agentReader = 'service "orders" { policy = "read" } agent_prefix "" { policy = "read" }'
  const reader = await tokenFor(strict, 'reader', agentReader)
  assert.deepEqual(await ask(open, undefined), ['allow: ACLs are off', true, true])
  assert.deepEqual(await ask(strict, reader), ['deny: the ACL default policy is deny', false, false])
  assert.match(String((await ask(strict, weak))[0]), /^deny: the ACL token may not read .*agent:read/)
  assert.deepEqual(await ask(strict, weak, { defaultAllow: true }), ['allow: so configured', true, true])
  await using lenient = await startAgent({ acl: 'allow' } as AgentOptions)
  assert.deepEqual(await ask(lenient, lenient.token), ['allow: the ACL default policy is allow', true, true])
})

test('without the right to read intentions the start names the rule that is missing', async () => {
  const other = await tokenFor(strict, 'other', 'service "other" { policy = "write" }')
  for (const token of [other, undefined]) {
    await using world = follow(strict, token, 'orders', { startMs: 300 })
    assert.equal(world.allows('web'), false)
    await assert.rejects(world.intentions.start(signal()), {
      code: 'TULLE_CONSUL',
      message: /no intentions from Consul at http:.*403.*nothing is kept/,
      hint: /service "orders" \{ policy = "read"/,
    })
    assert.equal(world.allows('web'), false)
  }
})

test('FAULTS 24, 25: with its token lost, what was in force stays so', async () => {
  await strict.api('PUT', '/v1/acl/policy', { Name: 'lost', Rules: 'service "orders" { policy = "write" }' })
  const made = (await strict.api('PUT', '/v1/acl/token', { Policies: [{ Name: 'lost' }] })).json
  await intend(strict, 'web', 'orders', 'allow')
  await using world = follow(strict, made.SecretID, 'orders')
  await world.intentions.start(signal())
  await strict.api('DELETE', `/v1/acl/token/${made.AccessorID}`)
  await intend(strict, 'cron', 'orders', 'deny')
  await until(() => world.intentions.status().problem !== undefined, { what: 'a problem', withinMs: 5000 })
  assert.match(world.intentions.status().problem ?? '', /403/)
  assert.deepEqual([world.allows('web'), world.allows('cron')], [true, false])
  await forget(strict, 'orders')
  assert.equal(world.intentions.status().intentions, 1)
})

test('FAULTS 20, 21: enforced while the agent is away, and after a restart from what was kept', async () => {
  const agent = await startAgent({ dataDir: true })
  const store = new MemoryState()
  try {
    await intend(agent, 'web', 'orders', 'deny')
    await using world = follow(agent, undefined, 'orders', { store })
    await world.intentions.start(signal())
    await agent.kill()
    await until(() => world.intentions.status().problem !== undefined, { what: 'a problem', withinMs: 3000 })
    assert.equal(world.allows('web'), false)
    assert.equal(world.allows('api'), true)
    await using next = follow(agent, undefined, 'orders', { store })
    await next.intentions.start(signal())
    assert.equal(next.intentions.status().source, 'kept')
    assert.equal(next.allows('web'), false)
    assert.equal(next.allows('api'), true)
    await using fresh = follow(agent, undefined, 'orders', { startMs: 300 })
    await assert.rejects(fresh.intentions.start(signal()), {
      code: 'TULLE_CONSUL',
      message: new RegExp(`${agent.address}.*refused.*nothing is kept`),
    })
    await agent.start()
    await intend(agent, 'api', 'orders', 'deny')
    for (const { intentions, allows } of [world, next]) {
      await until(() => !allows('api'), { what: 'the agent is back', withinMs: 20_000 })
      assert.equal(intentions.status().source, 'consul')
      assert.equal(intentions.status().problem, undefined)
    }
  } finally {
    await agent.stop()
  }
})
