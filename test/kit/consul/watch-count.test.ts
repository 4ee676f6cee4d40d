import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../wait.ts'
import { startAgent, watchCount } from './agent.ts'

test('it passes requests on and tells which blocking queries wait at the agent', async (t) => {
  const agent = await startAgent()
  const counter = await watchCount(agent)
  t.after(async () => {
    await counter.close()
    await agent.stop()
  })
  await agent.api('PUT', '/v1/kv/a', 'old')
  const first = await fetch(`${counter.address}/v1/kv/a`)
  const index = first.headers.get('x-consul-index')
  await first.text()
  const kept = fetch(`${counter.address}/v1/kv/a?index=${index}&wait=1m&raw`)
  const given = new AbortController()
  const left = fetch(`${counter.address}/v1/kv/a?index=${index}&wait=1m`, { signal: given.signal })
  left.catch(() => {})
  const waiting = (count: number): Promise<unknown> =>
    until(() => counter.log.blocking().get('/v1/kv/a') === count, { what: `${count} to wait` })
  await waiting(2)
  given.abort()
  await waiting(1)
  await agent.api('PUT', '/v1/kv/a', 'new')
  assert.equal(await (await kept).text(), 'new')
  assert.equal(counter.log.blocking().size, 0)
  assert.deepEqual([counter.log.count('/v1/kv/a'), counter.log.most('/v1/kv/a')], [3, 2])
  assert.deepEqual(counter.log.seen.map(({ state }) => state).sort(), ['aborted', 'answered', 'answered'])
})

test('what is written through it reaches the agent', async (t) => {
  const agent = await startAgent()
  const counter = await watchCount(agent)
  t.after(async () => {
    await counter.close()
    await agent.stop()
  })
  const put = await fetch(`${counter.address}/v1/kv/b`, { method: 'PUT', body: 'x'.repeat(100_000) })
  assert.equal(await put.json(), true)
  assert.equal((await agent.api('GET', '/v1/kv/b', undefined, { query: { raw: true } })).text.length, 100_000)
})
