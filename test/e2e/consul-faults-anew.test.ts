import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Agent } from '../kit/consul/agent.ts'
import { hurried, startMangler } from '../kit/consul/mangler.ts'
import { answered, localMember } from '../kit/consul/members.ts'
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
} from '../kit/consul/scene.ts'
import { until } from '../kit/wait.ts'

/** What is promised: the wait of a query, 55 s, and what Consul adds to it. */
const CONVERGED_MS = 60_000

async function indexOf(agent: Agent): Promise<number> {
  return Number((await agent.api('GET', HEALTH)).headers['x-consul-index'])
}

/** `orders` twice, of which the second came so late that the index of `orders` is far ahead of a young cluster's. */
async function grown(t: Parameters<typeof agentFor>[0]): Promise<{ agent: Agent; port: number }> {
  const agent = await agentFor(t)
  const { port } = await ordersOn(t, agent)
  for (let n = 0; n < 300; n++) await agent.api('PUT', '/v1/kv/filler', `${n}`)
  await ordersOn(t, agent)
  return { agent, port }
}

test('FAULTS 23: a cluster made anew under load, with lower indexes and another CA, costs no call and is followed', async (t) => {
  const { agent, port } = await grown(t)
  const { mesh } = localMember(t, 'web', { env: agent.env })
  await mesh.start()
  await answered(mesh, ORDERS)
  await until(() => mesh.describe('orders').endpoints.length === 2, { what: 'both' })
  const before = await indexOf(agent)
  const traffic = calls(t, mesh)
  await agent.restart()
  const back = performance.now()
  await appear(agent, '127.0.0.2', port)
  const after = await indexOf(agent)
  assert.ok(after < before, `index ${before} -> ${after}`)
  await until(() => knows(mesh, '127.0.0.2'), { what: 'what the new cluster says', withinMs: CONVERGED_MS })
  t.diagnostic(
    `known ${(performance.now() - back).toFixed(0)} ms after it was there (promised ${CONVERGED_MS})`,
  )
  await until(() => mesh.describe('orders').endpoints.length === 3, {
    what: 'those that registered themselves anew',
    withinMs: CONVERGED_MS,
  })
  // Its CA is another one: who has certificates of the old one keeps them, and says so.
  await complains(mesh, /^identity: .*trust domain/)
  await unharmed(traffic)
})

// Something that holds connections stands between, so that nobody notices the restart: the question that waits comes to
// the new cluster with an index that it will not reach. It answers at the end of the wait, and of nothing before. Scaled:
// the wait is shortened on the way, from 55 s; what is 60 s then is 5 s and a sixteenth of it here.
const WAIT_MS = 5000

test('FAULTS 23: a question with an index far ahead of a cluster made anew is over with its wait, and asked from the start', async (t) => {
  const { agent, port } = await grown(t)
  const mangler = await startMangler(agent)
  t.after(() => mangler.close())
  const { mesh } = localMember(t, 'web', { env: { CONSUL_HTTP_ADDR: mangler.address } })
  await mesh.start()
  await answered(mesh, ORDERS)
  const waiting = () => mangler.log.seen.filter(({ path, state }) => path === HEALTH && state === 'open')
  await until(() => Number(waiting()[0]?.query.get('index') ?? 0) > 300, { what: 'a query that waits' })
  const traffic = calls(t, mesh)
  let there = () => {}
  const made = new Promise<void>((resolve) => {
    there = resolve
  })
  mangler.log.clear()
  mangler.mangle((seen) =>
    seen.method !== 'GET'
      ? undefined
      : async (response) => {
          await made
          await hurried(agent, seen, `${WAIT_MS}ms`)(response)
        },
  )
  await agent.restart()
  await until(async () => (await agent.api('GET', HEALTH)).json.length === 2, {
    what: 'those that register themselves anew',
    withinMs: 20_000,
  })
  await appear(agent, '127.0.0.2', port)
  const index = Number(waiting()[0]?.query.get('index'))
  assert.ok((await indexOf(agent)) < index, `${index} is ahead`)
  const asked = performance.now()
  there()
  await until(() => knows(mesh, '127.0.0.2'), {
    what: 'what the new cluster says',
    withinMs: WAIT_MS * 10,
  })
  const tookMs = performance.now() - asked
  t.diagnostic(`index ${index}, known after ${tookMs.toFixed(0)} ms (promised ${WAIT_MS * (17 / 16)} ms)`)
  assert.ok(tookMs > WAIT_MS / 2, 'the new cluster let it wait')
  await until(() => mangler.log.of(HEALTH).some(({ query }) => query.get('index') === null), {
    what: 'a question from the start',
  })
  await unharmed(traffic)
})
