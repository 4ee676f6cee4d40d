import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { getGlobalDispatcher, setGlobalDispatcher } from 'undici'
import { type AccessLogEntry, createMesh, isMeshError, type MeshOptions } from '../src/index.ts'
import { refusingAddress, scriptedEndpoint } from '../src/testing/index.ts'
import { until } from './kit/wait.ts'

const SILENT = { debug() {}, info() {}, warn() {}, error() {} }
const meshFor = (t: TestContext, options: MeshOptions = {}) => {
  const mesh = createMesh({ service: 'web', logger: SILENT, env: {}, ...options })
  t.after(() => mesh.close())
  return mesh
}

test('making a mesh does no I/O; a first call starts it', async (t) => {
  await using orders = await scriptedEndpoint({ body: 'ok' })
  const mesh = meshFor(t, { endpoints: { orders: orders.address } })
  assert.equal(mesh.health().state, 'idle')
  assert.equal(await (await mesh.fetch('http://orders.mesh/')).text(), 'ok')
  assert.equal(mesh.health().state, 'ready')
})

test('a start that failed for want of its policy may be tried again, and says the same until it is there', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'tulle-'))
  t.after(() => rm(folder, { recursive: true }))
  const policy = join(folder, 'mesh.yaml')
  const mesh = meshFor(t, { policy })
  await assert.rejects(mesh.start(), { code: 'TULLE_POLICY' })
  await assert.rejects(mesh.start(), { code: 'TULLE_POLICY' })
  writeFileSync(policy, 'version: 1\n')
  await mesh.start()
  assert.equal(mesh.health().state, 'ready')
})

test('a server that comes when the mesh is shutting down does not stay', async () => {
  for (const end of ['close', 'drain'] as const) {
    const mesh = createMesh({ service: 'web', logger: SILENT, env: {} })
    await mesh.start()
    const serving = mesh.serve(createServer(), { signals: false })
    const ended = mesh[end]()
    await assert.rejects(serving, { code: 'TULLE_CLOSED' })
    await ended
    await mesh.close()
  }
})

test('ready resolves for whoever waits, once somebody starts the mesh', async (t) => {
  const mesh = meshFor(t)
  const { ready } = mesh
  await mesh.start()
  await ready
})

test('fetch, request and the global dispatcher reach the same service, and strangers pass by', async (t) => {
  await using orders = await scriptedEndpoint({ body: 'ok' })
  await using stranger = await scriptedEndpoint({ body: 'stranger' })
  const mesh = meshFor(t, { endpoints: { orders: orders.address } })
  assert.ok((await mesh.fetch('https://orders.mesh.internal/a')) instanceof Response)
  const { statusCode, body } = await mesh.request('http://orders.mesh/b')
  assert.deepEqual([statusCode, await body.text()], [200, 'ok'])
  const before = getGlobalDispatcher()
  setGlobalDispatcher(mesh.dispatcher)
  t.after(() => setGlobalDispatcher(before))
  assert.equal(await (await fetch('http://orders.mesh/c')).text(), 'ok')
  assert.equal(await (await fetch(`http://${stranger.address}/`)).text(), 'stranger')
  assert.deepEqual(
    orders.requests.map(({ url }) => url),
    ['/a', '/b', '/c'],
  )
  assert.deepEqual(
    orders.requests.map(({ headers }) => headers.host),
    ['orders.mesh.internal', 'orders.mesh', 'orders.mesh'],
  )
})

test('a name nobody knows and a name with a port are refused with advice, and reach no DNS', async (t) => {
  const mesh = meshFor(t, { endpoints: { orders: '127.0.0.1:1' } })
  await assert.rejects(mesh.fetch('http://ordres.mesh/'), {
    code: 'TULLE_UNKNOWN_SERVICE',
    message: /did you mean orders/,
  })
  await assert.rejects(mesh.fetch('http://orders.mesh:8080/'), { code: 'TULLE_BAD_NAME', message: /8080/ })
})

test('after close every call is refused, and closing again is nothing', async () => {
  const mesh = createMesh({ service: 'web', endpoints: { orders: '127.0.0.1:1' }, env: {} })
  await mesh.start()
  await Promise.all([mesh.close(), mesh.close()])
  await assert.rejects(mesh.fetch('http://orders.mesh/'), { code: 'TULLE_CLOSED' })
  await assert.rejects(mesh.start(), { code: 'TULLE_CLOSED' })
  assert.equal(mesh.health().state, 'closed')
})

test('a transport failure names the service, the endpoint, every attempt and the policy', async (t) => {
  const address = await refusingAddress()
  const mesh = meshFor(t, { endpoints: { orders: address } })
  await assert.rejects(mesh.fetch('http://orders.mesh/'), (error) => {
    assert.ok(isMeshError(error))
    assert.equal(error.code, 'TULLE_CONNECT')
    assert.deepEqual([error.service, error.endpoint], ['orders', address])
    assert.ok(error.attempts.length >= 2, 'a refused connection is tried again')
    assert.deepEqual(
      { ...error.attempts[0], ms: 0 },
      { endpoint: address, phase: 'connect', ms: 0, cause: 'ECONNREFUSED' },
    )
    assert.equal(error.policyVersion, 'built-in')
    return true
  })
})

test('a policy file that does not exist stops the start and says which file', async (t) => {
  const mesh = meshFor(t, { policy: '/nowhere/mesh.yaml' })
  await assert.rejects(mesh.start(), { code: 'TULLE_POLICY', message: /\/nowhere\/mesh\.yaml/ })
  assert.equal(mesh.health().state, 'idle')
})

test('a policy is reloaded live; a bad one is refused, seen in health, and the last good one stays', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'tulle-'))
  t.after(() => rm(folder, { recursive: true }))
  const file = join(folder, 'mesh.yaml')
  const write = (timeout: string): void =>
    writeFileSync(file, `version: 1\nservices:\n  orders:\n    timeout: ${timeout}\n`)
  write('300ms')
  await using orders = await scriptedEndpoint({ fault: 'hang' })
  const logged: string[] = []
  const logger = { ...SILENT, error: (message: string) => logged.push(message) }
  const mesh = meshFor(t, { policy: file, endpoints: { orders: orders.address }, logger })
  await mesh.start()
  await assert.rejects(mesh.fetch('http://orders.mesh/'), { code: 'TULLE_DEADLINE', message: /300/ })
  const first = mesh.health().policy.version
  write('200ms')
  await until(() => mesh.health().policy.version !== first, { what: 'the new policy', withinMs: 10_000 })
  await assert.rejects(mesh.fetch('http://orders.mesh/'), { code: 'TULLE_DEADLINE', message: /200/ })
  write('soon')
  await until(() => mesh.health().policy.refused.length > 0, { what: 'the refusal', withinMs: 10_000 })
  const { ok, degraded } = mesh.health()
  assert.equal(ok, false)
  assert.match(
    degraded[0]!,
    /services\.orders\.timeout: expected a duration .*, found "soon" \(.*mesh\.yaml:4:14\)/,
  )
  assert.match(logged.join('\n'), /found "soon"/)
  await assert.rejects(mesh.fetch('http://orders.mesh/'), { code: 'TULLE_DEADLINE', message: /200/ })
})

test('describe prints the layers in order, with parameters, reasons and endpoints', async (t) => {
  const policy = {
    version: 1 as const,
    services: {
      orders: {
        breaker: {},
        routes: [
          { match: { path: '/v1/**', method: ['GET'] }, timeout: '2s', retry: { tryTimeout: '500ms' } },
          { match: { grpc: { service: 'orders.v1.Orders', method: 'List' } } },
          { match: { grpc: { method: 'Watch' } } },
        ],
      },
    },
  }
  const mesh = meshFor(t, { endpoints: { orders: ['127.0.0.1:1', '127.0.0.1:2'] }, policy })
  await mesh.start()
  const description = mesh.describe('orders')
  assert.deepEqual(
    description.routes.map(({ name, match }) => [name, match]),
    [
      ['orders.routes[0]', 'GET /v1/**'],
      ['orders.routes[1]', 'gRPC orders.v1.Orders/List'],
      ['orders.routes[2]', 'gRPC */Watch'],
      ['orders', ''],
    ],
  )
  assert.deepEqual(
    description.routes[0]!.layers.map(({ role }) => role),
    ['trace', 'meter', 'cancel', 'deadline', 'limit', 'ready', 'breaker', 'retry', 'try-timeout', 'pick'],
  )
  assert.deepEqual(
    description.endpointLayers.map(({ role }) => role),
    ['trace-try', 'meter-try', 'outlier', 'load', 'leaf'],
  )
  const printed = String(description)
  for (const line of [
    /^orders {2}policy [0-9a-f]{12}$/m,
    /^ {2}deadline +2000 +above retry/m,
    /^endpoints: 2$/m,
    /127\.0\.0\.1:1 .*0 in flight/,
  ])
    assert.match(printed, line)
  assert.throws(() => mesh.describe('ordres'), {
    code: 'TULLE_UNKNOWN_SERVICE',
    message: /did you mean orders/,
  })
})

test('health names a service without endpoints', async (t) => {
  const mesh = meshFor(t, { policy: { version: 1, services: { orders: {} } } })
  await mesh.start()
  assert.deepEqual(mesh.health().degraded, ['orders: no endpoint is known'])
  await assert.rejects(mesh.fetch('http://orders.mesh/'), { code: 'TULLE_NO_ENDPOINT' })
})

test('addresses of the configuration win over those of the policy', async (t) => {
  await using configured = await scriptedEndpoint({ body: 'configured' })
  await using written = await scriptedEndpoint({ body: 'written' })
  const policy = {
    version: 1 as const,
    services: { orders: { endpoints: [written.address] }, stock: { endpoints: [written.address] } },
  }
  const mesh = meshFor(t, { endpoints: { orders: configured.address }, policy })
  assert.equal(await (await mesh.fetch('http://orders.mesh/')).text(), 'configured')
  assert.equal(await (await mesh.fetch('http://stock.mesh/')).text(), 'written')
})

test('a deadline that arrives bounds the calls of the handler; detached work is free of it', async (t) => {
  await using stock = await scriptedEndpoint({ body: 'ok' })
  const mesh = meshFor(t, { endpoints: { stock: stock.address } })
  const server = await mesh.serve(
    async (req, res) => {
      await (await mesh.fetch('http://stock.mesh/bound')).text()
      await mesh.detached(async () => (await mesh.fetch('http://stock.mesh/free')).text())
      res.end(String(req.mesh?.remainingMs()))
    },
    { host: '127.0.0.1', signals: false },
  )
  const answer = await fetch(server.url, { headers: { 'x-envoy-expected-rq-timeout-ms': '5000' } })
  const remaining = Number(await answer.text())
  assert.ok(remaining > 0 && remaining <= 5000, String(remaining))
  const [bound, free] = stock.requests.map(({ headers }) => headers['x-envoy-expected-rq-timeout-ms'])
  assert.ok(Number(bound) > 0 && Number(bound) <= 5000, bound?.toString())
  assert.equal(free, undefined)
})

test('the access log is told of every call and every request once', async (t) => {
  const entries: AccessLogEntry[] = []
  await using stock = await scriptedEndpoint({ status: 404 })
  const mesh = meshFor(t, { endpoints: { stock: stock.address }, accessLog: (entry) => entries.push(entry) })
  const server = await mesh.serve(
    async (_req, res) => res.end(await (await mesh.fetch('http://stock.mesh/x')).text()),
    { host: '127.0.0.1', signals: false },
  )
  await (await fetch(`${server.url}/y`)).text()
  await until(() => entries.length === 2, { what: 'two entries', withinMs: 5000 })
  assert.deepEqual(
    entries.map(({ kind, path, outcome }) => [kind, path, outcome.class, outcome.code]),
    [
      ['call', '/x', 'success', 404],
      ['request', '/y', 'success', 200],
    ],
  )
})

test('draining answers what is in flight, then the address refuses', async (t) => {
  const mesh = meshFor(t)
  let finish = (): void => {}
  const server = await mesh.serve((_req, res) => (finish = () => void res.end('late')), {
    host: '127.0.0.1',
    signals: false,
  })
  const answer = fetch(server.url)
  await until(() => mesh.health().inFlight === 1, { what: 'the request', withinMs: 5000 })
  const drained = mesh.drain()
  assert.equal(mesh.health().state, 'draining')
  finish()
  assert.equal(await (await answer).text(), 'late')
  await drained
  await assert.rejects(new Promise((resolve, reject) => get(server.url, resolve).on('error', reject)), {
    code: 'ECONNREFUSED',
  })
})

test('the inbound layers stand in their order', async (t) => {
  const mesh = meshFor(t)
  const server = await mesh.serve(
    createServer((_req, res) => res.end()),
    { host: '127.0.0.1', signals: false },
  )
  await (await fetch(server.url)).text()
  assert.deepEqual(
    mesh.describeInbound().map(({ role }) => role),
    ['gate', 'trace', 'meter', 'deadline', 'leaf'],
  )
})

test('unknown variables are said once at the start', async (t) => {
  const warned: string[] = []
  const mesh = meshFor(t, {
    env: { TULLE_ENDPOINT: 'x' },
    logger: { ...SILENT, warn: (message) => warned.push(message) },
  })
  await Promise.all([mesh.start(), mesh.start()])
  assert.deepEqual(warned, ['TULLE_ENDPOINT is not a variable of tulle; did you mean TULLE_ENDPOINTS?'])
})
