import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { createServe, type MeshServer } from '../../src/server/http.ts'
import { denying, inboundHarness } from '../kit/inbound-harness.ts'
import { rawClient, rawExchange } from '../kit/raw-http.ts'
import { until } from '../kit/wait.ts'

const upgrade = (target: string): string =>
  `GET ${target} HTTP/1.1\r\nhost: web\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`

async function echo(
  harness: ReturnType<typeof inboundHarness>,
  late = false,
): Promise<{ server: MeshServer; urls: string[] }> {
  const app = createServer((_req, res) => res.end('plain'))
  const urls: string[] = []
  const serveSockets = (): void => {
    new WebSocketServer({ server: app }).on('connection', (socket, req) => {
      urls.push(req.url ?? '')
      socket.on('message', (data) => socket.send(String(data)))
    })
  }
  if (!late) serveSockets()
  const server = await createServe(harness.runtime)(app, { signals: false })
  if (late) serveSockets()
  return { server, urls }
}

for (const late of [false, true]) {
  test(`a WebSocket server ${late ? 'attached after serve' : 'attached before serve'} works, as one call whose head is the switch`, async () => {
    const harness = inboundHarness()
    const { server, urls } = await echo(harness, late)
    const client = new WebSocket(`ws://127.0.0.1:${server.port}//chat/../room?x=1`)
    const heard = new Promise((resolve) => client.once('message', (data) => resolve(String(data))))
    await new Promise((resolve) => client.once('open', resolve))
    client.send('hello')
    assert.equal(await heard, 'hello')
    assert.deepEqual([urls, harness.seen[0]?.call.path], [['/room?x=1'], '/room'])
    assert.deepEqual([harness.seen[0]?.heads[0]?.code, harness.seen[0]?.heads[0]?.streaming], [101, true])
    assert.equal(harness.gate.inFlight, 1)
    client.close()
    await until(() => harness.seen[0]?.ends.length === 1, { what: 'the end of the call' })
    assert.deepEqual([harness.seen[0]?.ends[0]?.class, harness.gate.inFlight], ['success', 0])
    await server.close()
  })
}

test('an upgrade is judged like any request, and refused on its socket', async () => {
  const harness = inboundHarness({ layer: denying((path) => path === '/admin') })
  const { server, urls } = await echo(harness)
  const denied = await rawExchange(server.port, upgrade('/x/../admin'))
  assert.deepEqual([denied.status, denied.headers.get('x-tulle-refused')], [503, 'TULLE_DRAINING'])
  assert.equal((await rawExchange(server.port, upgrade('/a#b'))).status, 400)
  assert.deepEqual(urls, [])
  await server.close()
})

test('an application that refuses the switch itself is seen with its own status', async () => {
  const harness = inboundHarness()
  const app = createServer()
  app.on('upgrade', (_req, socket) => socket.end('HTTP/1.1 401 Unauthorized\r\nconnection: close\r\n\r\n'))
  const server = await createServe(harness.runtime)(app, { signals: false })
  const answer = await rawExchange(server.port, upgrade('/'))
  assert.equal(answer.status, 401)
  await until(() => harness.seen[0]?.ends.length === 1, { what: 'the end of the call' })
  assert.deepEqual([harness.seen[0]?.ends[0]?.code, harness.seen[0]?.heads[0]?.streaming], [401, false])
  await server.close()
})

test('a handler that throws on an upgrade answers 500, and a reset socket ends nothing but its call', async () => {
  const harness = inboundHarness()
  const app = createServer()
  app.on('upgrade', (req) => {
    if (req.url === '/throw') throw new Error('secret')
  })
  const server = await createServe(harness.runtime)(app, { signals: false })
  assert.equal((await rawExchange(server.port, upgrade('/throw'))).status, 500)
  const client = await rawClient(server.port)
  client.send(upgrade('/hang'))
  await until(() => harness.seen.length === 2, { what: 'the upgrade' })
  client.socket.resetAndDestroy()
  await until(() => harness.inFlight() === 0, { what: 'the end of every call' })
  assert.equal(harness.seen[1]?.ends[0]?.class, 'ignored')
  await server.close()
})

test('an open WebSocket is cut when the grace of a drain is over', async () => {
  const harness = inboundHarness()
  const { server } = await echo(harness)
  const client = new WebSocket(`ws://127.0.0.1:${server.port}/`)
  await new Promise((resolve) => client.once('open', resolve))
  const gone = new Promise((resolve) => client.once('close', resolve))
  await server.close({ graceMs: 30 })
  await gone
  await until(() => harness.inFlight() === 0, { what: 'the end of the call' })
})
