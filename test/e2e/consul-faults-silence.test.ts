import assert from 'node:assert/strict'
import { test } from 'node:test'
import { registerMany } from '../kit/consul/agent.ts'
import { startMangler } from '../kit/consul/mangler.ts'
import { answered, answering, ask, localMember } from '../kit/consul/members.ts'
import * as replies from '../kit/consul/replies.ts'
import { agentFor, appear, calls, knows, ORDERS, ordersOn, unharmed, well } from '../kit/consul/scene.ts'
import { delay, until } from '../kit/wait.ts'

/** By the service whose instances are asked for; the other questions have them in turn. */
const REPLIES: Readonly<Record<string, replies.Reply>> = {
  failing: replies.failing(),
  busy: replies.tooMany(1),
  reset: replies.reset(),
  cut: replies.resetAmid('[{"Node":{"Node":"n"}}]'),
  silent: replies.hang(),
  stalled: replies.stall('[{"Node":{"Node":"n"}}]'),
  dripping: replies.drip('[{"Node":{"Node":"n"}}]', 1000),
}
const NAMES = Object.keys(REPLIES)
/** Longer than the 10 s after which an answer that is due is given up. */
const WATCHED_MS = 12_000
/** However short the jitter: two at once and then one a second; one more, as the window begins somewhere. */
const MOST = 2 + WATCHED_MS / 1000 + 1

test('FAULTS 27: errors, resets and silence of the agent cost no call and are not answered by a storm, one question at a time', async (t) => {
  const agent = await agentFor(t)
  const { port } = await ordersOn(t, agent)
  for (const name of NAMES) await registerMany(agent, name, 1, { instance: () => ({ native: true }) })
  const mangler = await startMangler(agent)
  t.after(() => mangler.close())
  const { log } = mangler
  const { mesh } = localMember(t, 'web', { env: { CONSUL_HTTP_ADDR: mangler.address } })
  await answering(mesh)
  await answered(mesh, ORDERS)
  // Nobody is there; that they were called makes them be watched.
  await Promise.all(NAMES.map((name) => ask(mesh, `http://${name}.mesh/`).catch(() => {})))
  await until(() => NAMES.every((name) => mesh.describe(name).endpoints.length === 1), {
    what: 'all of them',
  })
  const traffic = calls(t, mesh)
  const others: string[] = []
  mangler.mangle(({ method, path }) => {
    if (method !== 'GET') return undefined
    const own = NAMES.find((name) => path.endsWith(`/${name}`))
    if (own === undefined && !others.includes(path)) others.push(path)
    return REPLIES[own ?? (NAMES[others.indexOf(path) % NAMES.length] as string)]
  })
  // Questions that wait for a change are given up after their wait, which is a minute: these are asked anew.
  mangler.drop()
  const watched = NAMES.map((name) => `/v1/health/connect/${name}`)
  log.clear()
  for (let second = 0; second < WATCHED_MS / 1000; second++) {
    await delay(1000)
    const double = () => [...watched, ...others].filter((path) => log.open(path) > 1)
    // What is broken off may be seen to end a moment after the next has come.
    await until(() => double().length === 0, { what: 'one question each', seen: double })
  }
  const counts = watched.map((path) => log.count(path))
  t.diagnostic(
    `asked in ${WATCHED_MS} ms, at most ${MOST} times: ${NAMES.map((name, at) => `${name} ${counts[at]}`)}`,
  )
  for (const [at, count] of counts.entries())
    assert.ok(count >= 1 && count <= MOST, `${NAMES[at]} was asked ${count} times`)
  const { degraded } = mesh.health()
  for (const name of NAMES) {
    assert.equal(mesh.describe(name).endpoints.length, 1, name)
    assert.ok(
      degraded.some((each) => each.startsWith(`discovery: ${name}: `)),
      `${name}\n${degraded.join('\n')}`,
    )
  }
  for (const name of ['silent', 'stalled', 'dripping'])
    assert.ok(
      degraded.some((each) => each.startsWith(`discovery: ${name}: `) && /within 10 s$/.test(each)),
      `${name}\n${degraded.join('\n')}`,
    )

  mangler.mangle(undefined)
  mangler.drop()
  await Promise.all(NAMES.map((name) => appear(agent, '127.0.0.2', 1, name)))
  await appear(agent, '127.0.0.3', port)
  const healed = performance.now()
  await until(() => NAMES.every((name) => knows(mesh, '127.0.0.2', name)) && knows(mesh, '127.0.0.3'), {
    what: 'what is new afterwards',
    withinMs: 60_000,
  })
  await well(mesh)
  t.diagnostic(`well ${(performance.now() - healed).toFixed(0)} ms after it answered again`)
  await unharmed(traffic)
})
