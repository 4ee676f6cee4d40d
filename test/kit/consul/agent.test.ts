import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { until } from '../wait.ts'
import { Agent, consul, startAgent } from './agent.ts'

test('an agent answers reads and writes once it has started, and is gone once it has stopped', async () => {
  const agent = await startAgent()
  assert.equal((await agent.api('PUT', '/v1/kv/a', 'text')).json, true)
  const { status, headers, text } = await agent.api('GET', '/v1/kv/a', undefined, { query: { raw: true } })
  assert.deepEqual([status, text], [200, 'text'])
  assert.match(String(headers['x-consul-index']), /^\d+$/)
  assert.match(await agent.cli('members'), new RegExp(agent.node))
  await agent.stop()
  assert.equal(agent.running, false)
  assert.equal(existsSync(agent.folder), false)
  await assert.rejects(fetch(agent.address))
})

test('a service registered with the agent is in the catalog', async (t) => {
  const agent = await startAgent()
  t.after(() => agent.stop())
  await agent.api('PUT', '/v1/agent/service/register', { Name: 'orders', Port: 8080 })
  const found = await until(
    async () => {
      const { json } = await agent.api('GET', '/v1/health/service/orders')
      return json.length === 1 && json
    },
    { what: 'the service' },
  )
  assert.equal(found[0].Service.Port, 8080)
})

test('with ACLs only a token is let in, and the own one may do everything', async (t) => {
  const agent = await startAgent({ acl: 'deny' })
  t.after(() => agent.stop())
  assert.equal((await agent.api('PUT', '/v1/kv/a', 'x', { token: null })).status, 403)
  assert.equal((await agent.api('PUT', '/v1/kv/a', 'x')).status, 200)
  assert.equal((await agent.api('PUT', '/v1/acl/token', { Description: 'd' })).status, 200)
})

test('with TLS the API is HTTPS, and `mutual` demands a client certificate', async (t) => {
  const agent = await startAgent({ tls: 'mutual' })
  t.after(() => agent.stop())
  assert.match(agent.address, /^https:/)
  assert.equal((await agent.api('GET', '/v1/agent/self')).status, 200)
  assert.match(await agent.cli('members'), /alive/)
  const { CONSUL_HTTP_ADDR = '', CONSUL_CACERT = '' } = agent.env
  const bare = fetch(`${CONSUL_HTTP_ADDR}/v1/agent/self`)
  await assert.rejects(bare)
  assert.ok(existsSync(CONSUL_CACERT))
})

test('a unix socket carries the API', async (t) => {
  const agent = await startAgent({ unixSocket: true })
  t.after(() => agent.stop())
  assert.match(agent.address, /^unix:\/\/\//)
  assert.equal((await agent.api('GET', '/v1/agent/self')).status, 200)
})

test('an agent with a disk comes back with what it knew, on the same ports', async (t) => {
  const agent = await startAgent({ dataDir: true })
  t.after(() => agent.stop())
  await agent.api('PUT', '/v1/kv/a', 'x')
  const { pid, address } = agent
  await agent.restart()
  assert.notEqual(agent.pid, pid)
  assert.equal(agent.address, address)
  assert.equal((await agent.api('GET', '/v1/kv/a')).status, 200)
})

test('a paused agent hangs until it is resumed', async (t) => {
  const agent = await startAgent()
  t.after(() => agent.stop())
  await agent.pause()
  let answered = false
  const asked = agent.api('GET', '/v1/status/leader').then((answer) => {
    answered = true
    return answer
  })
  await assert.rejects(fetch(`${agent.address}/v1/status/leader`, { signal: AbortSignal.timeout(100) }))
  assert.equal(answered, false)
  agent.resume()
  assert.equal((await asked).status, 200)
})

test('an agent that cannot start says why, in its own words', async () => {
  await assert.rejects(startAgent({ config: { no_such_setting: true } }), /no_such_setting/)
})

test('an agent does not take the answers of another on its port for its own', async (t) => {
  const first = await startAgent()
  t.after(() => first.stop())
  const second = new Agent({}, await consul(), first.ports)
  t.after(() => second.stop())
  await assert.rejects(second.start(), /ended before it had its API[\s\S]*address already in use/)
})
