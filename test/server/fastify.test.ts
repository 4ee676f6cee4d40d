import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import Fastify from 'fastify'
import { WebSocket, WebSocketServer } from 'ws'
import { RUNTIME } from '../../src/core/runtime.ts'
import { meshPlugin, serverFactory } from '../../src/server/fastify.ts'
import { inboundContract } from '../contract/inbound.ts'
import { inboundHarness } from '../kit/inbound-harness.ts'
import { fastifySubject } from '../kit/inbound-subjects.ts'
import { rawClient } from '../kit/raw-http.ts'
import { until } from '../kit/wait.ts'

inboundContract(fastifySubject(false))
inboundContract(fastifySubject(true))

test('a route with mesh: false stays outside the stack where the plugin stands alone', async () => {
  const harness = inboundHarness()
  const app = Fastify()
  await app.register(meshPlugin, { mesh: harness.mesh })
  app.get('/health', { config: { mesh: false } }, async (request) => ({ mesh: request.mesh }))
  app.get('/items', async (request) => ({ mesh: request.mesh !== null }))
  assert.deepEqual((await app.inject('/health')).json(), { mesh: null })
  assert.deepEqual((await app.inject('/items')).json(), { mesh: true })
  assert.deepEqual(
    harness.seen.map(({ call }) => call.path),
    ['/items'],
  )
  await app.close()
})

test('a Fastify app listens once the mesh is started, and not where it cannot start', async () => {
  const harness = inboundHarness()
  const starts: (() => void)[] = []
  const mesh = {
    [RUNTIME]: { ...harness.runtime, whenReady: () => new Promise<void>((resolve) => starts.push(resolve)) },
  }
  const app = Fastify({ serverFactory: serverFactory(mesh) })
  await app.register(meshPlugin, { mesh })
  const listening = app.listen({ port: 0, host: '127.0.0.1' })
  await until(() => starts.length === 1, { what: 'the start' })
  assert.equal(app.server.listening, false)
  starts[0]?.()
  await listening
  await app.close()

  const broken = {
    [RUNTIME]: { ...harness.runtime, whenReady: () => Promise.reject(new Error('no certificate')) },
  }
  const refused = Fastify({ serverFactory: serverFactory(broken) })
  await refused.register(meshPlugin, { mesh: broken })
  await assert.rejects(refused.listen({ port: 0, host: '127.0.0.1' }), /no certificate/)
  await refused.close()
})

for (const own of [false, true]) {
  test(`fastify${own ? ', plugin alone' : ''}: takes part in the drain of the mesh and closes once what is in flight has ended`, async () => {
    const harness = inboundHarness()
    const app = own ? Fastify() : Fastify({ serverFactory: serverFactory(harness.mesh) })
    await app.register(meshPlugin, { mesh: harness.mesh, graceMs: 5000 })
    let answer: ((body: string) => void) | undefined
    app.get(
      '/',
      () =>
        new Promise((resolve) => {
          answer = resolve
        }),
    )
    await app.listen({ port: 0, host: '127.0.0.1' })
    assert.equal(harness.servers.size, 1)
    const client = await rawClient((app.server.address() as AddressInfo).port)
    client.send('GET / HTTP/1.1\r\nhost: web\r\n\r\n')
    await until(() => answer, { what: 'the request in flight' })
    const closing = app.close()
    await until(() => !app.server.listening, { what: 'the end of accepting' })
    answer?.('whole')
    await closing
    await client.closed
    assert.match(client.text(), /connection: close[\s\S]*whole/i)
    assert.equal(harness.servers.size, 0)
    assert.equal(harness.inFlight(), 0)
  })
}

for (const own of [false, true])
  test(`fastify${own ? ', plugin alone' : ''}: callers that have not heard of a drain are served, a POST as well`, async () => {
    const harness = inboundHarness()
    let heard: (() => void) | undefined
    const retire = () => new Promise<void>((resolve) => (heard = resolve))
    const mesh = { [RUNTIME]: { ...harness.runtime, retire } }
    const app = own ? Fastify() : Fastify({ serverFactory: serverFactory(mesh) })
    await app.register(meshPlugin, { mesh, graceMs: 5000 })
    app.post('/orders', async () => 'done')
    await app.listen({ port: 0, host: '127.0.0.1' })
    const client = await rawClient((app.server.address() as AddressInfo).port)
    const closing = app.close()
    await until(() => heard, { what: 'the drain' })
    client.send('POST /orders HTTP/1.1\r\nhost: web\r\ncontent-length: 0\r\n\r\n')
    await client.closed
    assert.match(client.text(), /^HTTP\/1\.1 200 [\s\S]*connection: close[\s\S]*done/i)
    heard?.()
    await closing
  })

test('a WebSocket of a Fastify plugin goes through the stack', async () => {
  const harness = inboundHarness()
  const app = Fastify({ serverFactory: serverFactory(harness.mesh) })
  await app.register(meshPlugin, { mesh: harness.mesh, graceMs: 20 })
  new WebSocketServer({ server: app.server }).on('connection', (socket) => socket.send('hello'))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const client = new WebSocket(`ws://127.0.0.1:${(app.server.address() as AddressInfo).port}//room`)
  assert.equal(
    await new Promise((resolve) => client.once('message', (data) => resolve(String(data)))),
    'hello',
  )
  assert.equal(harness.seen[0]?.call.path, '/room')
  client.close()
  await until(() => harness.inFlight() === 0, { what: 'the end of the call' })
  await app.close()
})

test('what is no mesh is refused with its name', () => {
  assert.throws(() => serverFactory({} as never), /serverFactory\(mesh\)/)
})
