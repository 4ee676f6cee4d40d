import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { until } from '../wait.ts'
import { type Agent, startAgent } from './agent.ts'
import { hurried, type Mangler, reindexed, startMangler } from './mangler.ts'
import * as replies from './replies.ts'

async function setUp(t: TestContext): Promise<{ agent: Agent; mangler: Mangler }> {
  const agent = await startAgent()
  const mangler = await startMangler(agent)
  t.after(async () => {
    await mangler.close()
    await agent.stop()
  })
  await agent.api('PUT', '/v1/kv/a', 'old')
  return { agent, mangler }
}

const indexOf = (answer: Response): string | null => answer.headers.get('x-consul-index')

test('left alone it passes everything on, and what it is told to answer comes instead, until it is told otherwise', async (t) => {
  const { mangler } = await setUp(t)
  const url = `${mangler.address}/v1/kv/a?raw`
  assert.equal(await (await fetch(url)).text(), 'old')
  mangler.mangle(({ method }) => (method === 'GET' ? replies.failing(500, 'mad') : undefined))
  assert.equal((await fetch(url)).status, 500)
  assert.equal((await fetch(`${mangler.address}/v1/kv/a`, { method: 'PUT', body: 'new' })).status, 200)
  mangler.mangle(undefined)
  assert.equal(await (await fetch(url)).text(), 'new')
  assert.deepEqual(
    mangler.log.seen.map(({ method }) => method),
    ['GET', 'GET', 'PUT', 'GET'],
  )
})

test('a question that waits at the agent is answered by what it is told from then on', async (t) => {
  const { mangler } = await setUp(t)
  const url = `${mangler.address}/v1/kv/a`
  const index = indexOf(await fetch(url))
  const waiting = fetch(`${url}?index=${index}&wait=1m`)
  await until(() => mangler.log.open('/v1/kv/a') === 1, { what: 'the question' })
  mangler.mangle(() => replies.html())
  assert.match(await (await waiting).text(), /<html>/)
})

test('drop ends the connections, those whose answer never comes included', async (t) => {
  const { mangler } = await setUp(t)
  mangler.mangle(() => replies.hang())
  const hanging = fetch(`${mangler.address}/v1/kv/a`)
  await until(() => mangler.log.open() === 1, { what: 'the question' })
  mangler.drop()
  await assert.rejects(hanging)
})

test('what the agent says may come with any index, and at once', async (t) => {
  const { agent, mangler } = await setUp(t)
  for (const index of ['0', 'NaN', null]) {
    mangler.mangle((seen) => reindexed(agent, seen, index))
    const answer = await fetch(`${mangler.address}/v1/kv/a?raw&index=900000&wait=1m`)
    assert.deepEqual([indexOf(answer), await answer.text()], [index, 'old'])
  }
})

test('a wait is shortened on the way, and the index of the answer is the agent’s', async (t) => {
  const { agent, mangler } = await setUp(t)
  const index = indexOf(await fetch(`${mangler.address}/v1/kv/a`))
  mangler.mangle((seen) => hurried(agent, seen, '300ms'))
  const asked = performance.now()
  const answer = await fetch(`${mangler.address}/v1/kv/a?raw&index=900000&wait=1m`)
  assert.deepEqual([indexOf(answer), await answer.text()], [index, 'old'])
  assert.ok(performance.now() - asked >= 290)
})

test('where the agent has gone, the connection ends', async (t) => {
  const { agent, mangler } = await setUp(t)
  await agent.kill()
  await assert.rejects(fetch(`${mangler.address}/v1/kv/a`))
  mangler.mangle((seen) => reindexed(agent, seen, '1'))
  await assert.rejects(fetch(`${mangler.address}/v1/kv/a`))
})
