import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { cpus } from 'node:os'
import { test } from 'node:test'
import type { Mesh } from '../../src/index.ts'
import { registerMany, startAgent, watchCount } from '../kit/consul/agent.ts'
import { answered, answering, localMember } from '../kit/consul/members.ts'
import { delay, until } from '../kit/wait.ts'

// What is promised, for a machine that does nothing else. Elsewhere it is reported; the tests fail at ten times that.
const CHANGE_MS = 1000
const SLACK = 10

const INSTANCES = 100
const CALLERS = 8

const machine = (): string =>
  `load ${readFileSync('/proc/loadavg', 'utf8').split(' ', 2).join(' ')} on ${cpus().length} cores`

function percentile(list: readonly number[], share: number): number {
  const sorted = [...list].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number
}

const report = (what: string, list: readonly number[]): string =>
  `${what}: p50 ${percentile(list, 0.5).toFixed(0)} ms, p99 ${percentile(list, 0.99).toFixed(0)} ms, of ${list.length} (promised ${CHANGE_MS} ms); ${machine()}`

/** 127.1.0.1 and so on: addresses of this machine, one for each instance. */
const addressOf = (number: number): string => `127.1.${number >> 8}.${1 + (number & 255)}`

/** Calls without a pause, several at once; what fails is kept. */
function busy(mesh: Mesh, url: string): { readonly failed: string[]; sent(): number; stop(): Promise<void> } {
  const failed: string[] = []
  let sent = 0
  let stopped = false
  const caller = async (): Promise<void> => {
    while (!stopped) {
      sent += 1
      try {
        const answer = await mesh.fetch(url)
        await answer.arrayBuffer()
        if (answer.status !== 200) failed.push(`${answer.status}`)
      } catch (error) {
        failed.push(String(error))
      }
    }
  }
  const all = Promise.all(Array.from({ length: CALLERS }, caller))
  return {
    failed,
    sent: () => sent,
    stop: async () => {
      stopped = true
      await all
    },
  }
}

/** Changes without a pause reach a watch once a second (nothing asks faster); what is measured is one of them. */
const apart = (): Promise<void> => delay(400 + 400 * Math.random())

// The balancer is not what is measured: in turn, everybody has the same chance of the next call.
const POLICY = {
  version: 1,
  defaults: { connect: { timeout: '5s' }, balance: 'round-robin' },
} as const

test('100 instances over mutual TLS: who comes is called and who goes is not, within a second', async (t) => {
  const ROUNDS = 30
  const agent = await startAgent()
  t.after(() => agent.stop())
  const { env } = agent
  /** When each address was called first and last. */
  const first = new Map<string, number>()
  const last = new Map<string, number>()
  const serve = (req: IncomingMessage, res: ServerResponse): void => {
    const address = req.socket.localAddress as string
    const now = performance.now()
    if (!first.has(address)) first.set(address, now)
    last.set(address, now)
    res.end()
  }
  // One process behind all the addresses; which of them a caller has picked is seen on the socket.
  const { mesh: orders } = localMember(t, 'orders', { env, advertise: '127.0.0.1' })
  const { port } = await orders.serve(serve, { port: 0, host: '0.0.0.0' })
  const instance = (number: number) => ({
    id: `orders-${number}`,
    address: addressOf(number),
    port,
    native: true,
    status: 'passing' as const,
  })
  const fleet = await registerMany(agent, 'orders', INSTANCES - 1, { instance })
  const { mesh } = localMember(t, 'web', { env, policy: POLICY })
  await mesh.start()
  const calls = busy(mesh, 'http://orders.mesh/')
  await until(() => first.size === INSTANCES, { what: 'a call of every instance', withinMs: 30_000 })

  const comes: number[] = []
  const goes: number[] = []
  for (let number = INSTANCES; number < INSTANCES + ROUNDS; number++) {
    await apart()
    const address = addressOf(number)
    const coming = performance.now()
    await fleet.add([instance(number)])
    await until(() => first.has(address), { what: `a call of ${address}`, withinMs: 20_000, everyMs: 2 })
    comes.push((first.get(address) as number) - coming)
    await apart()
    const going = performance.now()
    await fleet.remove(`orders-${number}`)
    const known = (): boolean =>
      mesh.describe('orders').endpoints.some(({ id }) => id.startsWith(`${address}:`))
    await until(() => !known(), { what: `the end of ${address}`, withinMs: 20_000, everyMs: 1 })
    goes.push(Math.max(performance.now(), last.get(address) as number) - going)
  }
  await calls.stop()
  t.diagnostic(report('registered in the catalog -> first call arrives', comes))
  t.diagnostic(report('deregistered -> no longer picked', goes))
  t.diagnostic(`${calls.sent()} calls meanwhile`)
  assert.deepEqual(calls.failed, [])
  for (const list of [comes, goes]) assert.ok(percentile(list, 0.99) <= CHANGE_MS * SLACK)
})

test('100 instances, and meshes that come and go among them: from listening to the first call, from leaving to the last', async (t) => {
  const ROUNDS = 15
  const agent = await startAgent()
  t.after(() => agent.stop())
  const { env } = agent
  const { mesh: crowd } = localMember(t, 'orders', { env, advertise: '127.0.0.1' })
  const { port } = await crowd.serve((_, res) => res.end(), { port: 0, host: '0.0.0.0' })
  await registerMany(agent, 'orders', INSTANCES - 1, {
    instance: (number) => ({ address: addressOf(number), port, native: true, status: 'passing' }),
  })
  const { mesh: other } = localMember(t, 'orders', { env, drainDelay: '1s' })
  const { mesh } = localMember(t, 'web', { env, policy: POLICY })
  await Promise.all([other.start(), mesh.start()])
  const calls = busy(mesh, 'http://orders.mesh/')
  await until(() => calls.sent() > 1000, { what: 'calls', withinMs: 30_000 })
  const comes: number[] = []
  const goes: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    await apart()
    let first = 0
    let last = 0
    const serving = await other.serve(
      (_, res) => {
        last = performance.now()
        if (first === 0) first = last
        res.end()
      },
      { port: 0, host: '127.0.0.1' },
    )
    const listening = performance.now()
    await until(() => first > 0, { what: 'its first call', withinMs: 20_000, everyMs: 2 })
    comes.push(first - listening)
    await apart()
    const leaving = performance.now()
    await serving.close()
    goes.push(Math.max(0, last - leaving))
  }
  await calls.stop()
  t.diagnostic(report('listening -> first call arrives', comes))
  t.diagnostic(report('leaving begins -> last call arrives', goes))
  assert.deepEqual(calls.failed, [])
  for (const list of [comes, goes]) assert.ok(percentile(list, 0.99) <= CHANGE_MS * SLACK)
})

test('the agent sees one blocking query per service that is called, none for the others, and few connections', async (t) => {
  const SERVICES = 60
  const USED = 5
  const CONSTANT = [
    /^\/v1\/agent\/connect\/ca\/(leaf\/web|roots)$/,
    /^\/v1\/connect\/intentions\/match$/,
    /^\/v1\/config\/[a-z-]+$/,
    /^\/v1\/catalog\/services$/,
    /^\/v1\/kv\/tulle\/mesh\.yaml$/,
  ]
  const agent = await startAgent()
  t.after(() => agent.stop())
  const names = Array.from({ length: SERVICES }, (_, number) => `svc-${number}`)
  const services = Object.fromEntries(names.map((name) => [name, { timeout: '10s' }]))
  const text = JSON.stringify({ version: 1, defaults: { connect: { timeout: '5s' } }, services })
  await agent.api('PUT', '/v1/kv/tulle/mesh.yaml', text)
  const used = names.slice(0, USED)
  for (const service of used) await answering(localMember(t, service, { env: agent.env }).mesh)
  await registerMany(agent, 'svc-50', INSTANCES, { instance: () => ({ native: true }) })
  const counted = await watchCount(agent)
  t.after(() => counted.close())
  const { log } = counted
  const { mesh } = localMember(t, 'web', {
    env: { CONSUL_HTTP_ADDR: counted.address },
    policy: 'consul://tulle/mesh.yaml',
  })
  await mesh.start()
  await answering(mesh)
  for (let round = 0; round < 3; round++)
    await Promise.all(used.map((service) => answered(mesh, `http://${service}.mesh/`)))
  // Everything that is asked once and never again has been by now.
  await until(() => used.every((name) => log.blocking().has(`/v1/health/connect/${name}`)), {
    what: 'a blocking query for every service that is called',
  })
  await until(() => log.connections <= log.blocking().size + 2, {
    what: 'the end of the connections nobody needs',
    withinMs: 20_000,
    seen: () => [log.connections, log.blocking().size],
  })
  const waiting = log.blocking()
  const watched = [...waiting.keys()].filter((path) => path.startsWith('/v1/health/'))
  const constant = [...waiting.keys()].filter((path) => CONSTANT.some((each) => each.test(path)))
  t.diagnostic(
    `${waiting.size} blocking queries: ${watched.length} for ${USED} services called, ${constant.length} constant; ${log.connections} connections open, ${log.accepted} so far`,
  )
  assert.deepEqual(watched.sort(), used.map((name) => `/v1/health/connect/${name}`).sort())
  assert.deepEqual(
    [...waiting.keys()].filter((path) => !watched.includes(path) && !constant.includes(path)),
    [],
  )
  for (const [path, count] of waiting) assert.equal(count, 1, path)
  for (const path of waiting.keys()) assert.ok(log.most(path) <= 1, `${path}: ${log.most(path)} at once`)
  for (const name of names.slice(USED)) assert.equal(log.count(new RegExp(`/${name}$`)), 0, name)
  // One for each that waits, and at the start some for what is asked and answered.
  assert.ok(log.accepted <= waiting.size + 24, `${log.accepted} connections`)

  // At rest nothing is asked but what lapses: TTL checks, and queries whose wait is over.
  const before = log.seen.length
  await delay(5000)
  const asked = log.seen.slice(before).map(({ path }) => path)
  t.diagnostic(`${asked.length} requests in 5 s at rest`)
  assert.ok(asked.length <= 20, asked.join(' '))
})
