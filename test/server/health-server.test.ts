import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHealthServer } from '../../src/server/health-server.ts'
import { get, rawClient, rawExchange } from '../kit/raw-http.ts'
import { within } from '../kit/wait.ts'

test('/livez and /readyz answer as asked, and nothing else is there', async () => {
  let live = true
  let reasons: string[] = ['starting']
  const server = await createHealthServer({
    port: 0,
    host: '127.0.0.1',
    live: () => live,
    ready: () => ({ ok: reasons.length === 0, reasons }),
  })
  const status = async (target: string): Promise<number> =>
    (await rawExchange(server.port, get(target))).status
  assert.deepEqual([await status('/livez'), await status('/readyz')], [200, 503])
  assert.match((await rawExchange(server.port, get('/readyz'))).body, /starting/)
  reasons = []
  live = false
  assert.deepEqual([await status('/livez'), await status('/readyz?verbose')], [503, 200])
  for (const target of ['/', '/livez/', '/readyz/../admin', '//livez', '/metrics'])
    assert.equal(await status(target), 404, target)
  const post = 'POST /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 0\r\n\r\n'
  assert.equal((await rawExchange(server.port, post)).status, 405)
  await server.close()
})

test('a state that cannot be read is not ready, and close ends what is open', async () => {
  const server = await createHealthServer({
    port: 0,
    host: '127.0.0.1',
    live: () => true,
    ready: () => {
      throw new Error('secret')
    },
  })
  const answer = await rawExchange(server.port, get('/readyz'))
  assert.deepEqual([answer.status, answer.text.includes('secret')], [503, false])
  const idle = await rawClient(server.port)
  await within(server.close(), 1000, 'the close')
  await within(idle.closed, 1000, 'the end of the idle connection')
})

test('no more connections than probes need are taken', async () => {
  const server = await createHealthServer({
    port: 0,
    host: '127.0.0.1',
    live: () => true,
    ready: () => ({ ok: true, reasons: [] }),
  })
  const clients = await Promise.all(Array.from({ length: 65 }, () => rawClient(server.port)))
  await within(Promise.race(clients.map(({ closed }) => closed)), 2000, 'the end of one too many')
  await server.close()
})
