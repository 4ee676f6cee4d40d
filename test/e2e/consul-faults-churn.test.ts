import assert from 'node:assert/strict'
import { test } from 'node:test'
import { beat } from '../kit/beat.ts'
import { registerMany } from '../kit/consul/agent.ts'
import { asking, load, localMember } from '../kit/consul/members.ts'
import { agentFor, ORDERS, unharmed, well } from '../kit/consul/scene.ts'
import { delay, until } from '../kit/wait.ts'

const INSTANCES = 10_000
const CHANGED = INSTANCES / 10
/** The row says ten minutes, of which each second is as the other: what grows by the second has grown after some. */
const ROUNDS = 10
const WARM = 4

/** What is promised of a machine that does nothing else; the test fails at ten times that. */
const STALL_MS = 50
/** What an answer costs while it is read, a few times over, as nobody collects at once. */
const GROWTH_MB = 250

/** Addresses of this machine, one for each instance. */
const addressOf = (number: number): string =>
  `127.${1 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`

test('FAULTS 28: 10,000 instances of which a tenth is replaced every second cost no call, and neither the event loop nor memory', async (t) => {
  const agent = await agentFor(t)
  const { mesh: orders } = localMember(t, 'orders-itself', { env: agent.env, mtls: 'disable' })
  const { port } = await orders.serve((_, res) => res.end(JSON.stringify({ service: 'orders' })), {
    port: 0,
    host: '0.0.0.0',
  })
  // In plaintext: Consul takes instances by the dozen only without Connect.
  const instance = (number: number) => ({ address: addressOf(number), port })
  const fleet = await registerMany(agent, 'orders', INSTANCES, { instance })
  const { mesh } = localMember(t, 'web', { env: agent.env, mtls: 'disable' })
  await mesh.start()
  // Few: every instance that is called for the first time is another connection.
  const traffic = load(asking(mesh, ORDERS), { callers: 2, everyMs: 20 })
  t.after(() => traffic.stop())
  const endpoints = (): string[] => mesh.describe('orders').endpoints.map(({ id }) => id)
  await until(() => endpoints().length === INSTANCES, { what: 'all of them', withinMs: 60_000, everyMs: 100 })

  const stalls: number[] = []
  let warm = 0
  let next = INSTANCES
  let changed = 0
  for (let round = 0; round < ROUNDS; round++) {
    const started = performance.now()
    const beating = beat()
    const gone = Array.from({ length: CHANGED }, (_, n) => `orders-${next - INSTANCES + n}`)
    await Promise.all([fleet.add(CHANGED), fleet.remove(...gone)])
    next += CHANGED
    changed = performance.now()
    await delay(Math.max(0, started + 1000 - changed))
    stalls.push(await beating.stop())
    if (round === WARM - 1) warm = process.memoryUsage().rss
  }
  const last = `${addressOf(next - 1)}:${port}`
  await until(() => endpoints().length === INSTANCES && endpoints().includes(last), {
    what: 'the last change',
    withinMs: 60_000,
    everyMs: 50,
  })
  const behind = performance.now() - changed
  const known = new Set(endpoints())
  for (let number = next - INSTANCES; number < next; number++)
    assert.ok(known.has(`${addressOf(number)}:${port}`), `${number} is missing`)
  const growthMb = (process.memoryUsage().rss - warm) / 2 ** 20
  const sorted = [...stalls].sort((a, b) => a - b)
  t.diagnostic(
    `longest stall of each round ${stalls.map((ms) => ms.toFixed(0))} ms, median ${sorted[ROUNDS >> 1]?.toFixed(0)} (promised ${STALL_MS} ms)`,
  )
  t.diagnostic(
    `the last change is known ${behind.toFixed(0)} ms after it; ${growthMb.toFixed(0)} MB more memory`,
  )
  assert.ok((sorted.at(-1) as number) < STALL_MS * 10, `${sorted.at(-1)} ms`)
  assert.ok(growthMb < GROWTH_MB, `${growthMb} MB`)
  await well(mesh)
  await unharmed(traffic)
})
