import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startMangler } from '../kit/consul/mangler.ts'
import { answered, answering, localMember } from '../kit/consul/members.ts'
import * as replies from '../kit/consul/replies.ts'
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
import { healthEntry } from '../kit/consul-entry.ts'
import { until } from '../kit/wait.ts'

const entry = (port: number): object => healthEntry(port, { id: 'orders-1' })

/** What everything that is asked for is answered with; each of them is no answer. */
const GARBAGE: Readonly<Record<string, replies.Reply>> = {
  HTML: replies.html(),
  'half a document': replies.truncated([entry(8080)]),
  null: replies.json('null'),
  'a number': replies.json('7'),
  'wrong types': replies.json([{ Node: 5, Service: { Port: 'http' } }]),
  'no HTTP': replies.noise(),
}

/** What only the question for instances is answered with: each has a mistake in one place. */
const MISTAKES: Readonly<Record<string, unknown>> = {
  'a port of 0': [entry(0)],
  'a port of 70000': [entry(70_000)],
  'a weight that is none': JSON.stringify([entry(8080)]).replace(/"Passing":\d+/, '"Passing":NaN'),
  'a weight of the wrong type': JSON.stringify([entry(8080)]).replace(/"Passing":\d+/, '"Passing":"NaN"'),
  'one registration twice': [entry(8080), entry(8081)],
}

test('FAULTS 26: garbage from the agent is refused whole: no call is lost, it is told, and it is over when it is over', async (t) => {
  const agent = await agentFor(t)
  const { port } = await ordersOn(t, agent)
  const mangler = await startMangler(agent)
  t.after(() => mangler.close())
  const { mesh } = localMember(t, 'web', { env: { CONSUL_HTTP_ADDR: mangler.address } })
  await answering(mesh)
  await answered(mesh, ORDERS)
  const endpoints = (): string =>
    mesh
      .describe('orders')
      .endpoints.map(({ id }) => id)
      .join()
  const before = endpoints()
  const traffic = calls(t, mesh)
  const played: [string, replies.Reply, RegExp | string][] = [
    ...Object.entries(GARBAGE).map(([what, reply]) => [what, reply, /./] as [string, replies.Reply, RegExp]),
    ...Object.entries(MISTAKES).map(
      ([what, body]) => [what, replies.json(body), HEALTH] as [string, replies.Reply, string],
    ),
    ['200 MB', replies.huge(), HEALTH],
  ]
  for (const [what, reply, path] of played) {
    mangler.mangle((seen) =>
      seen.method === 'GET' && (path === seen.path || path instanceof RegExp) ? reply : undefined,
    )
    // So many megabytes take their time where many want the processor.
    await complains(mesh, path === HEALTH ? /^endpoints.*orders/ : /^endpoints/, 90_000)
    t.diagnostic(`${what}: ${mesh.health().degraded.find((each) => each.startsWith('endpoints'))}`)
    assert.equal(endpoints(), before, what)
    mangler.mangle(undefined)
    await well(mesh)
  }
  await appear(agent, '127.0.0.2', port)
  await until(() => knows(mesh, '127.0.0.2'), { what: 'what is new afterwards', withinMs: 20_000 })
  await unharmed(traffic)
})
