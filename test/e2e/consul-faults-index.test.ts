import assert from 'node:assert/strict'
import { test } from 'node:test'
import { registerMany } from '../kit/consul/agent.ts'
import { reindexed, startMangler } from '../kit/consul/mangler.ts'
import { answered, ask, localMember } from '../kit/consul/members.ts'
import { isBlocking } from '../kit/consul/request-log.ts'
import { agentFor, appear, calls, knows, ORDERS, ordersOn, unharmed, well } from '../kit/consul/scene.ts'
import { delay, until } from '../kit/wait.ts'

let turn = 0
/** By the service whose answers have it; the others, which are about ourselves, have them in turn. */
const INDEXES: Readonly<Record<string, () => string | null>> = {
  zero: () => '0',
  one: () => '1',
  negative: () => '-7',
  word: () => 'NaN',
  huge: () => '99999999999999999999999',
  absent: () => null,
  backwards: () => String(1_000_000 - turn++),
  forwards: () => String(1_000_000 + turn++),
}
const NAMES = Object.keys(INDEXES)
const WATCHED_MS = 5000
/** Two at once and then one a second; one more, as the window begins somewhere. */
const MOST = 2 + WATCHED_MS / 1000 + 1

test('FAULTS 22: whatever the index is, changes arrive, and nothing is asked more than twice at once and then once a second', async (t) => {
  const agent = await agentFor(t)
  const { port } = await ordersOn(t, agent)
  for (const name of NAMES) await registerMany(agent, name, 1, { instance: () => ({ native: true }) })
  const mangler = await startMangler(agent)
  t.after(() => mangler.close())
  const { mesh } = localMember(t, 'web', { env: { CONSUL_HTTP_ADDR: mangler.address } })
  await mesh.start()
  await answered(mesh, ORDERS)
  // Nobody is there; that they were called makes them be watched.
  await Promise.all(NAMES.map((name) => ask(mesh, `http://${name}.mesh/`).catch(() => {})))
  await until(() => NAMES.every((name) => mesh.describe(name).endpoints.length === 1), {
    what: 'all of them',
  })
  const traffic = calls(t, mesh)
  const others: string[] = []
  mangler.mangle((seen) => {
    if (seen.method !== 'GET' || seen.path === '/v1/status/leader') return undefined
    const own = NAMES.find((name) => seen.path.endsWith(`/${name}`))
    if (own === undefined && !others.includes(seen.path)) others.push(seen.path)
    const name = own ?? (NAMES[others.indexOf(seen.path) % NAMES.length] as string)
    return reindexed(agent, seen, (INDEXES[name] as () => string | null)())
  })
  // What the change of manners lets wait no longer is over by then.
  await delay(1000)
  mangler.log.clear()
  await delay(WATCHED_MS)
  const asked = new Map<string, number>()
  for (const { path, method } of mangler.log.seen)
    if (method === 'GET') asked.set(path, (asked.get(path) ?? 0) + 1)
  t.diagnostic(`most asked in ${WATCHED_MS} ms: ${Math.max(...asked.values())} times, at most ${MOST}`)
  assert.ok(asked.size > NAMES.length, `${asked.size} questions`)
  for (const [path, times] of asked) assert.ok(times <= MOST, `${path} was asked ${times} times`)
  // What is no index is none: everything is asked for again, from the start.
  for (const name of ['zero', 'negative', 'word', 'huge', 'absent'])
    assert.ok(!mangler.log.of(new RegExp(`/${name}$`)).some(isBlocking), name)

  const changing = performance.now()
  await Promise.all(NAMES.map((name) => appear(agent, '127.0.0.2', 1, name)))
  await until(() => NAMES.every((name) => knows(mesh, '127.0.0.2', name)), {
    what: 'the changes',
    withinMs: 20_000,
    seen: () => NAMES.filter((name) => !knows(mesh, '127.0.0.2', name)),
  })
  t.diagnostic(`all of ${NAMES} have changed ${(performance.now() - changing).toFixed(0)} ms later`)
  mangler.mangle(undefined)
  await appear(agent, '127.0.0.3', port)
  await until(() => knows(mesh, '127.0.0.3'), { what: 'what is new afterwards', withinMs: 20_000 })
  await well(mesh)
  await unharmed(traffic)
})
