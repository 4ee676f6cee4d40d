import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Agent as Dispatcher, request } from 'undici'
import { codeOf } from '../caller.ts'
import { until } from '../wait.ts'
import { FakeAgent } from './fake-agent.ts'
import * as replies from './replies.ts'

const PATH = '/v1/health/connect/orders'

async function setUp(t: TestContext) {
  const agent = await FakeAgent.start()
  const dispatcher = new Dispatcher({ headersTimeout: 1000, bodyTimeout: 300 })
  t.after(async () => {
    await dispatcher.destroy()
    await agent.close()
  })
  const ask = async (query = '') => {
    const answer = await request(`${agent.address}${PATH}${query}`, { dispatcher })
    return {
      status: answer.statusCode,
      index: answer.headers['x-consul-index'],
      text: await answer.body.text(),
    }
  }
  return { agent, ask, dispatcher }
}

test('left alone it answers blocking queries as an agent does', async (t) => {
  const { agent, ask } = await setUp(t)
  assert.equal((await ask()).status, 404)
  agent.set(PATH, ['a'])
  assert.deepEqual(await ask(), { status: 200, index: '11', text: '["a"]' })
  const waiting = ask('?index=11&wait=1m')
  await until(() => agent.log.blocking().get(PATH) === 1, { what: 'the query to wait' })
  agent.set(PATH, ['b'])
  assert.deepEqual(await waiting, { status: 200, index: '12', text: '["b"]' })
  assert.deepEqual(await ask('?index=12&wait=20ms'), { status: 200, index: '12', text: '["b"]' })
  assert.equal(agent.log.most(PATH), 1)
})

test('an index may go backwards, be 0, garbage or absent', async (t) => {
  const { agent, ask } = await setUp(t)
  agent.set(PATH, [], 5)
  assert.equal((await ask()).index, '5')
  for (const [given, seen] of [
    [0, '0'],
    ['garbage', 'garbage'],
    [null, undefined],
  ] as const) {
    agent.next(PATH, replies.json([], { index: given }))
    assert.equal((await ask()).index, seen)
  }
})

test('what is arranged meanwhile answers a query that waits; `sane` takes it back', async (t) => {
  const { agent, ask } = await setUp(t)
  agent.set(PATH, ['a'])
  const waiting = ask('?index=11&wait=1m')
  await until(() => agent.log.open(PATH) === 1, { what: 'the query to wait' })
  agent.always(PATH, replies.forbidden())
  assert.deepEqual(await waiting, { status: 403, index: '1', text: 'Permission denied' })
  assert.equal((await ask()).status, 403)
  agent.sane()
  assert.equal((await ask()).status, 200)
})

test('next answers one request each, in order', async (t) => {
  const { agent, ask } = await setUp(t)
  agent.set(PATH, ['a'])
  agent.next(/^\/v1\/health\//, replies.failing(), replies.tooMany(3), replies.html())
  const seen = [await ask(), await ask(), await ask(), await ask()]
  assert.deepEqual(
    seen.map(({ status }) => status),
    [500, 429, 200, 200],
  )
  assert.match(seen[2]?.text ?? '', /<html>/)
})

test('bodies may be cut short, stall, drip or break off', async (t) => {
  const { agent, ask } = await setUp(t)
  const body = ['abcdefgh']
  agent.next(PATH, replies.truncated(body), replies.drip(body, 1), replies.late(20, replies.json(body)))
  assert.equal((await ask()).text, '["abcd')
  assert.equal((await ask()).text, '["abcdefgh"]')
  assert.equal((await ask()).text, '["abcdefgh"]')
  agent.next(PATH, replies.stall(body))
  await assert.rejects(ask(), { code: 'UND_ERR_BODY_TIMEOUT' })
  agent.next(PATH, replies.resetAmid(body))
  const broken = await ask().catch((error: unknown) => error)
  assert.ok(['ECONNRESET', 'UND_ERR_SOCKET'].includes(codeOf(broken) ?? ''), codeOf(broken))
})

test('connections may be reset, talk noise or hang', async (t) => {
  const { agent, ask } = await setUp(t)
  agent.next(PATH, replies.reset())
  const broken = await ask().catch((error: unknown) => error)
  assert.ok(['ECONNRESET', 'UND_ERR_SOCKET'].includes(codeOf(broken) ?? ''), codeOf(broken))
  agent.next(PATH, replies.noise())
  await assert.rejects(ask(), { name: 'HTTPParserError' })
  agent.next(PATH, replies.hang())
  await assert.rejects(ask(), { code: 'UND_ERR_HEADERS_TIMEOUT' })
})

test('a huge body stops when the client has had enough', async (t) => {
  const { agent, dispatcher } = await setUp(t)
  agent.next(PATH, replies.huge())
  const answer = await request(agent.address + PATH, { dispatcher })
  answer.body.on('error', () => {})
  let read = 0
  for await (const chunk of answer.body) {
    read += chunk.length
    if (read > 1_000_000) break
  }
  await until(() => agent.log.open(PATH) === 0, { what: 'the answer to end' })
  const [seen] = agent.log.of(PATH)
  assert.equal(seen?.state, 'aborted')
  assert.ok(seen.sentBytes < 50_000_000, String(seen.sentBytes))
})

test('a huge body read to its end is valid JSON of the size it was asked for', async (t) => {
  const { agent, ask } = await setUp(t)
  agent.next(PATH, replies.huge(1_000_000))
  const { text } = await ask()
  assert.ok(text.length >= 1_000_000 && text.length < 1_100_000)
  assert.equal(JSON.parse(text).length, 17)
})

test('it remembers queries, headers and connections', async (t) => {
  const { agent, dispatcher } = await setUp(t)
  agent.set(PATH, [])
  const url = `${agent.address}${PATH}?passing=1&stale`
  await (await request(url, { dispatcher, headers: { 'x-consul-token': 's' } })).body.dump()
  const [seen] = agent.log.of(PATH)
  assert.equal(seen?.query.get('passing'), '1')
  assert.ok(seen?.query.has('stale'))
  assert.equal(seen?.headers['x-consul-token'], 's')
  assert.deepEqual([agent.log.accepted, agent.log.connections], [1, 1])
  agent.drop()
  await until(() => agent.log.connections === 0, { what: 'the connection to end' })
})
