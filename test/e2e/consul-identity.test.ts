import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HttpConsulLink } from '../../src/control/consul-link.ts'
import type { ConsulLink, ConsulRequest } from '../../src/core/consul.ts'
import { isMeshError } from '../../src/core/errors.ts'
import { ConsulIdentitySource } from '../../src/identity/consul-source.ts'
import { MeshIdentity } from '../../src/identity/mesh-identity.ts'
import { systemClock, systemWall } from '../../src/platform/clock.ts'
import { type Agent, type AgentOptions, startAgent } from '../kit/consul/agent.ts'
import { handshake } from '../kit/handshake.ts'
import { MemoryState } from '../kit/memory-state.ts'
import type { Cleanup } from '../kit/process.ts'
import { until } from '../kit/wait.ts'

const log = { debug() {}, info() {}, warn() {}, error() {} }
const shared = { clock: systemClock, wall: systemWall, random: Math.random, log }

async function agentOf(t: Cleanup, options: AgentOptions = {}): Promise<Agent> {
  const agent = await startAgent(options)
  t.after(() => agent.stop())
  return agent
}

interface Options {
  readonly token?: string
  readonly store?: MemoryState
  readonly startWithinMs?: number
}

function identityOf(t: Cleanup, agent: Agent, service: string, { token, ...options }: Options = {}) {
  const link = new HttpConsulLink({ address: agent.address, ...(token && { token }), ...shared })
  const asked: ConsulRequest[] = []
  const listening: ConsulLink = {
    address: link.address,
    send: (request, signal) => {
      asked.push(request)
      return link.send(request, signal)
    },
    onReachable: (listener) => link.onReachable?.(listener) ?? (() => {}),
    close: () => link.close(),
  }
  const source = new ConsulIdentitySource({ service, link: listening, ...options, ...shared })
  const identity = new MeshIdentity({ service, source, ...shared })
  const close = async (): Promise<void> => {
    await identity.close()
    await link.close()
  }
  t.after(close)
  return { identity, source, asked, close, start: () => identity.start(new AbortController().signal) }
}

async function refusalOf(starting: Promise<void>): Promise<string> {
  const error = await starting.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(isMeshError(error), String(error))
  assert.equal(error.code, 'TULLE_IDENTITY')
  return `${error.message} ${error.hint}`
}

test('two services have certificates of Connect, prove themselves, and asked the agent a handful of times', async (t) => {
  const agent = await agentOf(t)
  const [web, orders] = [identityOf(t, agent, 'web'), identityOf(t, agent, 'orders')]
  await Promise.all([web.start(), orders.start()])
  const domain = web.identity.trustDomain
  assert.match(domain ?? '', /^[0-9a-f-]{36}\.consul$/)
  assert.equal(web.identity.id, `spiffe://${domain}/ns/default/dc/dc1/svc/web`)
  assert.equal(web.identity.idOf('orders'), orders.identity.id)
  assert.equal(
    web.source.idOf({ service: 'orders', datacenter: 'dc2' }),
    orders.identity.id?.replace('dc1', 'dc2'),
  )
  assert.equal(await handshake(web.identity, orders.identity), undefined)
  assert.equal(await handshake(orders.identity, web.identity), undefined)
  assert.deepEqual(
    web.identity.health().levels.map(({ level, daysLeft }) => [level, Math.round(daysLeft)]),
    [
      ['leaf', 3],
      ['root', 3653],
    ],
  )
  assert.ok(web.asked.length <= 4, `${web.asked.length}`)
  assert.ok(web.asked.every(({ path }) => /\/(roots|leaf\/web)$/.test(path)))
})

test('with ACLs a certificate takes service:write on the own name and nothing else; without it the start says so', async (t) => {
  const agent = await agentOf(t, { acl: 'deny' })
  const tokenWith = async (Rules: string): Promise<string> => {
    const Name = `policy-${Math.random()}`.replace('.', '')
    const made = await agent.api('PUT', '/v1/acl/policy', { Name, Rules })
    assert.equal(made.status, 200, made.text)
    return (await agent.api('PUT', '/v1/acl/token', { Policies: [{ Name }] })).json.SecretID
  }
  const rule = 'service "orders" { policy = "write" }'
  const orders = identityOf(t, agent, 'orders', { token: await tokenWith(rule) })
  await orders.start()
  assert.match(orders.identity.id ?? '', /svc\/orders$/)
  const started = performance.now()
  for (const token of [await tokenWith('service "orders" { policy = "read" }'), undefined]) {
    const without = identityOf(t, agent, 'orders', token === undefined ? {} : { token })
    const words = await refusalOf(without.start())
    assert.ok(words.includes(rule), words)
    assert.ok(words.includes(agent.address), words)
    assert.match(words, /403/)
  }
  assert.ok(performance.now() - started < 3000, 'a refusal is not waited out')
})

test('an agent without Connect is told from one that is away', async (t) => {
  const agent = await agentOf(t, { config: { connect: { enabled: false } }, awaitLeader: false })
  const words = await refusalOf(identityOf(t, agent, 'orders').start())
  assert.match(words, /Connect must be enabled/)
  assert.match(words, /connect \{ enabled = true \}/)
})

test('FAULTS 20: with the agent down a start uses what is kept, and without anything kept names address and cause', async (t) => {
  const agent = await agentOf(t, { dataDir: true })
  const store = new MemoryState()
  const before = identityOf(t, agent, 'orders', { store })
  await before.start()
  await before.close()
  await agent.kill('SIGKILL')
  const after = identityOf(t, agent, 'orders', { store })
  await after.start()
  assert.equal(after.identity.id, before.identity.id)
  assert.equal(after.identity.health().from, 'disk')
  const words = await refusalOf(identityOf(t, agent, 'orders', { startWithinMs: 500 }).start())
  assert.match(words, /no certificate for "orders": .*refused/)
  assert.ok(words.includes(agent.address), words)
  assert.match(words, /no TULLE_STATE_DIR keeps one/)
  await agent.start()
  await until(
    () => after.identity.health().from === 'consul' && after.identity.health().problem === undefined,
    {
      what: 'a certificate of the agent that is back',
      withinMs: 30_000,
      seen: () => after.identity.health(),
    },
  )
  assert.equal(after.identity.trustDomain, before.identity.trustDomain)
})

test('a cluster that was made anew is refused, both trust domains named; a restart belongs to it', async (t) => {
  const agent = await agentOf(t)
  const store = new MemoryState()
  const [web, orders] = [identityOf(t, agent, 'web', { store }), identityOf(t, agent, 'orders')]
  await Promise.all([web.start(), orders.start()])
  const before = web.identity.trustDomain ?? ''
  await agent.restart({ wiped: true })
  const problem = await until(
    () => /trust domain (\S+), and ours is (\S+)/.exec(web.identity.health().problem ?? ''),
    { what: 'a word about it', withinMs: 30_000, seen: () => web.identity.health().problem },
  )
  assert.ok(problem[2]?.startsWith(before), problem[0])
  assert.notEqual(problem[1], before)
  assert.equal(web.identity.trustDomain, before)
  assert.equal(await handshake(web.identity, orders.identity), undefined, 'who is there goes on')
  await web.close()
  const restarted = identityOf(t, agent, 'web', { store })
  await restarted.start()
  assert.equal(restarted.identity.trustDomain, problem[1])
  assert.match((await handshake(restarted.identity, orders.identity)) ?? '', /client|server/)
})
