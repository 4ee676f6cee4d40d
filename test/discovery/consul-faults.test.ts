import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type FakeAgent, startFakeAgent } from '../kit/consul/fake-agent.ts'
import * as replies from '../kit/consul/replies.ts'
import { isBlocking } from '../kit/consul/request-log.ts'
import { openSource, type Watched } from '../kit/consul/source.ts'
import { healthEntry } from '../kit/consul-entry.ts'
import { delay, until } from '../kit/wait.ts'

const PATH = '/v1/health/connect/orders'
const two = [healthEntry(4001), healthEntry(4002)]

interface Stage {
  readonly agent: FakeAgent
  readonly watched: Watched
  sees(...ports: number[]): Promise<void>
}

async function stage(t: TestContext): Promise<Stage> {
  const agent = await startFakeAgent()
  t.after(() => agent.close())
  agent.set('/v1/catalog/services', { consul: [], orders: [] })
  agent.set(PATH, two)
  const { watch, close } = openSource(agent.address)
  t.after(close)
  const watched = watch('orders')
  const sees = async (...ports: number[]): Promise<void> => {
    const [what, withinMs] = [ports.join(), 10_000]
    await until(() => watched.ports?.join() === what, {
      what,
      withinMs,
      seen: () => watched.errors.map(String),
    })
  }
  await sees(4001, 4002)
  return { agent, watched, sees }
}

const wrong: Readonly<Record<string, replies.Reply>> = {
  'a page of HTML': replies.html(),
  'half a document': replies.truncated(two),
  'an object': replies.json({ two }, { index: 50 }),
  'port 0': replies.json([...two, healthEntry(1, { port: 0 })], { index: 50 }),
  'port 70000': replies.json([healthEntry(1, { port: 70_000 })], { index: 50 }),
  'a weight that is none': replies.json(
    JSON.stringify([healthEntry(1, { weights: { Passing: 'NaN', Warning: 1 } })]),
    {
      index: 50,
    },
  ),
  'one id twice': replies.json([...two, two[0]], { index: 50 }),
  '500 without a leader': replies.failing(),
  '429': replies.tooMany(),
  '403 with index 1': replies.forbidden(),
  'a connection that is reset': replies.reset(),
}

for (const [what, reply] of Object.entries(wrong))
  test(`FAULTS 25–27: ${what} changes 0 of 2 endpoints, is told, and what is right afterwards counts`, async (t) => {
    const { agent, watched, sees } = await stage(t)
    const sets = watched.sets.length
    agent.next(PATH, reply)
    await until(() => watched.errors.length > 0, { what: 'the error' })
    assert.match(String((watched.errors[0] as { code?: string }).code), /^TULLE_CONSUL$/)
    for (const { endpoints } of watched.sets.slice(sets)) assert.equal(endpoints.length, 2)
    agent.set(PATH, [two[0]])
    await sees(4001)
  })

for (const index of [0, -5, 'garbage', null, 1])
  test(`FAULTS 22: the index ${index} leads to a full read, and to no more than 5 questions in the next 2 s`, async (t) => {
    const { agent, sees } = await stage(t)
    const [before, full] = [
      agent.log.count(PATH),
      agent.log.of(PATH).filter((one) => !isBlocking(one)).length,
    ]
    agent.always(PATH, replies.json([...two, healthEntry(4003)], { index }))
    await sees(4001, 4002, 4003)
    await delay(2000)
    const asked = agent.log.count(PATH) - before
    assert.ok(asked <= 5, `${asked} questions`)
    assert.ok(agent.log.of(PATH).filter((one) => !isBlocking(one)).length > full)
  })

test('FAULTS 23: of a cluster made anew, whose indexes are lower, the set is taken over', async (t) => {
  const { agent, sees } = await stage(t)
  agent.set(PATH, two, 5000)
  const waits = () => agent.log.of(PATH).some(({ query }) => query.get('index') === '5000')
  await until(waits, { what: 'the query that knows the old index' })
  agent.set(PATH, [two[1]], 3)
  agent.drop()
  await sees(4002)
})
