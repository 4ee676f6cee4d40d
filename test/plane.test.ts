import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join as joinPath } from 'node:path'
import { test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { isMeshError } from '../src/core/errors.ts'
import { readToken } from '../src/core/plane-wire.ts'
import { type PlaneOptions, PolicyRefusal, startPlane } from '../src/plane.ts'
import { join, member, planeClient, rootsOf } from './kit/plane-client.ts'
import type { Cleanup } from './kit/process.ts'
import { until } from './kit/wait.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

async function start(t: Cleanup, options: PlaneOptions = {}) {
  const plane = await startPlane({ logger: silent, ...options })
  t.after(() => plane.close())
  return plane
}

function folder(t: Cleanup): string {
  const directory = mkdtempSync(joinPath(tmpdir(), 'tulle-plane-test-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

const POLICY = 'version: 1\nservices:\n  orders:\n    timeout: 1s\n'
const documents = [{ name: 'orders.yaml', text: POLICY }]
const at = (port: number) => ({ address: '127.0.0.1', port })

test('a plane without a directory is on loopback, and nothing of it is left', async (t) => {
  const plane = await start(t)
  assert.match(plane.url, /^https:\/\/127\.0\.0\.1:\d+$/)
  assert.equal(statSync(plane.adminTokenFile).mode & 0o777, 0o600)
  assert.equal(readFileSync(plane.adminTokenFile, 'utf8').trim(), plane.adminToken)
  const content = readToken(plane.createToken('orders'))
  assert.deepEqual(
    [content?.urls, content?.rootSha256, content?.trustDomain, content?.service],
    [[plane.url], plane.rootSha256, plane.trustDomain, 'orders'],
  )
  await plane.close()
  await plane.close()
  assert.equal(existsSync(plane.dir), false)
})

test('await using closes a plane', async (t) => {
  const plane = await start(t)
  await plane[Symbol.asyncDispose]()
  assert.equal(existsSync(plane.dir), false)
})

test('a service joins by its token, and then registers, is found, and is told of policy', async (t) => {
  const plane = await start(t)
  const orders = await member(t, plane, 'orders')
  const users = await member(t, plane, 'users')
  const put = await orders.ask('/v1/instances/o-1', {
    method: 'PUT',
    body: { service: 'orders', endpoints: [{ ...at(1234), zone: 'a', unknown: 'kept' }] },
  })
  assert.deepEqual([put.status, put.body], [200, { ttlMs: 10_000 }])
  const found = await users.ask('/v1/endpoints?service=orders&service=stock')
  assert.deepEqual(found.body, {
    services: { orders: [{ ...at(1234), zone: 'a', unknown: 'kept' }], stock: [] },
    known: ['orders'],
  })
  const beat = await orders.ask('/v1/instances/o-1/heartbeat', { method: 'POST' })
  assert.deepEqual([beat.status, beat.body], [200, { ttlMs: 10_000 }])
  assert.equal((await orders.ask('/v1/instances/o-2/heartbeat', { method: 'POST' })).status, 404)
  await plane.pushPolicy({ documents })
  const policy = await users.ask('/v1/policy')
  assert.deepEqual(policy.body, { sequence: 1, documents })
  const ack = { instance: 'o-1', service: 'orders', sequence: 1, refused: ['orders.yaml: no'] }
  assert.equal((await orders.ask('/v1/acks', { method: 'POST', body: ack })).status, 204)
  const [told] = plane.subscribers()
  assert.deepEqual({ ...told, seen: 0 }, { ...ack, seen: 0 })
  assert.equal((await orders.ask('/v1/instances/o-1', { method: 'DELETE' })).status, 204)
  assert.deepEqual(plane.services(), {})
})

test('a long poll is answered when something changes, with 304 at its end, and at once for who is behind', async (t) => {
  const plane = await start(t)
  const orders = await member(t, plane, 'orders')
  const first = await orders.ask('/v1/policy')
  const waiting = orders.ask('/v1/policy', { etag: first.etag, wait: 30 })
  await plane.pushPolicy({ documents })
  const next = await waiting
  assert.deepEqual([next.status, next.body.sequence], [200, 1])
  const began = performance.now()
  const same = await orders.ask('/v1/policy', { etag: next.etag, wait: 1 })
  assert.deepEqual([same.status, same.etag], [304, next.etag])
  assert.ok(performance.now() - began > 900)
  assert.equal((await orders.ask('/v1/policy', { etag: first.etag, wait: 30 })).status, 200)
  assert.equal((await orders.ask('/v1/policy', { etag: next.etag })).status, 304)
  const trust = await orders.ask('/v1/trust')
  const told = orders.ask('/v1/trust', { etag: trust.etag, wait: 30 })
  await plane.ban('users')
  assert.match((await told).body.denied[0], /svc\/users$/)
})

test('a long poll that nobody waits for any more is forgotten, and close answers those that wait', async (t) => {
  const plane = await start(t)
  const gone = await member(t, plane, 'orders')
  const here = await member(t, plane, 'users')
  const { etag } = await gone.ask('/v1/policy')
  const broken = gone.ask('/v1/policy', { etag, wait: 60 }).catch(() => 'gone')
  const waiting = here.ask('/v1/policy', { etag, wait: 60 })
  await here.ask('/v1/info')
  await gone.close()
  assert.equal(await broken, 'gone')
  await plane.close()
  assert.equal((await waiting).status, 304)
})

test('SECURITY 41: nothing but trust, info and health is answered without a proof, and nothing is changed', async (t) => {
  const plane = await start(t)
  const nobody = planeClient(t, plane)
  for (const path of ['/livez', '/readyz', '/v1/info', '/v1/trust'])
    assert.equal((await nobody.ask(path)).status, 200, path)
  const closed: readonly (readonly ['GET' | 'PUT' | 'POST' | 'DELETE', string])[] = [
    ['POST', '/v1/svid'],
    ['PUT', '/v1/instances/a'],
    ['POST', '/v1/instances/a/heartbeat'],
    ['DELETE', '/v1/instances/a'],
    ['GET', '/v1/endpoints'],
    ['GET', '/v1/policy'],
    ['POST', '/v1/acks'],
    ...ADMIN,
  ]
  for (const [method, path] of closed) {
    const { status, body } = await nobody.ask(path, { method, ...(method === 'GET' ? {} : { body: {} }) })
    assert.ok(status === 401 || status === 429, `${method} ${path}: ${status}`)
    assert.equal(typeof body.message, 'string')
  }
  const known = await nobody.ask('/v1/audit', { token: plane.adminToken })
  assert.ok(known.body.entries.length >= closed.length)
  assert.ok(known.body.entries.every(({ caller }: { caller: string }) => caller === 'anonymous'))
})

const ADMIN = [
  ['POST', '/v1/policy'],
  ['POST', '/v1/policy/rollback'],
  ['GET', '/v1/policy/versions'],
  ['GET', '/v1/policy/versions/1'],
  ['GET', '/v1/subscribers'],
  ['GET', '/v1/services'],
  ['POST', '/v1/tokens'],
  ['GET', '/v1/tokens'],
  ['DELETE', '/v1/tokens/x'],
  ['GET', '/v1/bans'],
  ['PUT', '/v1/bans/orders'],
  ['DELETE', '/v1/bans/orders'],
  ['GET', '/v1/ca'],
  ['POST', '/v1/ca/rotate'],
  ['POST', '/v1/ca/retire'],
  ['GET', '/v1/audit'],
] as const

test('SECURITY 41: a member is no administrator, nor is a join token; an admin service and the admin token are', async (t) => {
  const plane = await start(t, { admins: ['ops'] })
  const orders = await member(t, plane, 'orders')
  const joining = planeClient(t, plane)
  const token = plane.createToken('orders')
  for (const [method, path] of ADMIN) {
    const body = method === 'GET' ? {} : { body: {} }
    assert.equal((await orders.ask(path, { method, ...body })).status, 403, path)
    assert.equal((await joining.ask(path, { method, ...body, token })).status, 403, path)
  }
  assert.equal((await joining.ask('/v1/policy', { token })).status, 403)
  const ops = await member(t, plane, 'ops')
  assert.equal((await ops.ask('/v1/policy', { method: 'POST', body: { documents } })).body.sequence, 1)
  assert.equal((await joining.ask('/v1/policy/versions', { token: plane.adminToken })).status, 200)
  const noService = await joining.ask('/v1/instances/a', {
    method: 'PUT',
    body: { service: 'orders', endpoints: [] },
    token: plane.adminToken,
  })
  assert.equal(noService.status, 403)
})

test('an instance is registered, heard of and removed by its own service only', async (t) => {
  const plane = await start(t)
  const orders = await member(t, plane, 'orders')
  const users = await member(t, plane, 'users')
  const body = { service: 'orders', endpoints: [at(1)] }
  assert.equal((await users.ask('/v1/instances/a', { method: 'PUT', body })).status, 403)
  assert.equal((await orders.ask('/v1/instances/a', { method: 'PUT', body })).status, 200)
  const theft = { service: 'users', endpoints: [at(1)] }
  assert.equal((await users.ask('/v1/instances/a', { method: 'PUT', body: theft })).status, 403)
  assert.equal((await users.ask('/v1/instances/a/heartbeat', { method: 'POST' })).status, 403)
  assert.equal((await users.ask('/v1/instances/a', { method: 'DELETE' })).status, 403)
  assert.equal(plane.services().orders?.length, 1)
})

test('the administrator’s round: push, refuse, conflict, history, roll back, tokens, bans, audit without secrets', async (t) => {
  const plane = await start(t)
  const client = planeClient(t, plane)
  const token = plane.adminToken
  const post = (path: string, body: unknown) => client.ask(path, { method: 'POST', body, token })
  const by = { author: 'ann', message: 'first' }
  assert.deepEqual((await post('/v1/policy', { documents, ...by })).body, { sequence: 1, changed: true })
  const bad = await post('/v1/policy', { documents: [{ name: 'b.yaml', text: 'version: 1\nx: 1\n' }], ...by })
  assert.equal(bad.status, 422)
  assert.deepEqual(
    [bad.body.error, bad.body.problems[0].file, bad.body.problems[0].line],
    ['TULLE_POLICY', 'b.yaml', 2],
  )
  assert.equal((await post('/v1/policy', { documents, ...by, expected: 7 })).status, 409)
  await post('/v1/policy', { documents: [{ name: 'orders.yaml', text: null }], ...by })
  assert.deepEqual((await post('/v1/policy/rollback', { to: 1, ...by })).body, { sequence: 3, changed: true })
  const { versions } = (await client.ask('/v1/policy/versions', { token })).body
  assert.deepEqual(
    versions.map(({ sequence, author }: { sequence: number; author: string }) => [sequence, author]),
    [3, 2, 1].map((sequence) => [sequence, 'ann']),
  )
  assert.deepEqual((await client.ask('/v1/policy/versions/1', { token })).body.documents, documents)
  assert.equal((await client.ask('/v1/policy/versions/9', { token })).status, 404)
  const made = (await post('/v1/tokens', { service: 'orders', uses: 1 })).body
  await join(t, plane, 'orders', made.token)
  await assert.rejects(join(t, plane, 'orders', made.token), /401/)
  assert.equal((await client.ask('/v1/tokens', { token })).body.tokens[0].used, 1)
  assert.equal((await client.ask(`/v1/tokens/${made.id}`, { method: 'DELETE', token })).status, 204)
  assert.equal((await client.ask('/v1/bans/orders', { method: 'PUT', token })).status, 204)
  assert.equal((await client.ask('/v1/bans', { token })).body.bans[0].service, 'orders')
  assert.equal((await client.ask('/v1/bans/orders', { method: 'DELETE', token })).status, 204)
  assert.equal((await client.ask('/v1/ca', { token })).body.roots[0].sha256, plane.rootSha256)
  const log = readFileSync(joinPath(plane.dir, 'audit.log'), 'utf8')
  for (const route of [
    'POST /v1/policy"',
    'POST /v1/policy/rollback',
    'POST /v1/tokens',
    'PUT /v1/bans/orders',
  ])
    assert.ok(log.includes(route), route)
  assert.ok(log.includes('"status":422'))
  for (const secret of [token, made.token, made.token.split('.')[1], 'tulle_admin_', 'tulle_join_'])
    assert.ok(!log.includes(secret as string))
})

test('a banned service, and one whose root is retired, are refused on the connection they have', async (t) => {
  const plane = await start(t)
  const orders = await member(t, plane, 'orders', 1)
  const users = await member(t, plane, 'users', 1)
  assert.equal((await orders.ask('/v1/policy')).status, 200)
  assert.equal((await users.ask('/v1/policy')).status, 200)
  await plane.ban('users')
  assert.equal((await users.ask('/v1/policy')).status, 403)
  const old = plane.rootSha256
  await plane.rotate()
  assert.notEqual(plane.rootSha256, old)
  assert.equal((await orders.ask('/v1/policy')).status, 200)
  const renewed = await member(t, plane, 'orders', 1)
  await assert.rejects(plane.retire(), /may live until/)
  await plane.retire({ force: true })
  const refused = await orders.ask('/v1/policy')
  assert.equal(refused.status, 401)
  assert.match(refused.body.message, /root that signed it/)
  assert.equal((await renewed.ask('/v1/policy')).status, 200)
})

test('after a restart everything acknowledged is there, the same CA signs, and the admin token still counts', async (t) => {
  const dir = folder(t)
  const first = await start(t, { dir, port: 0, host: '127.0.0.1' })
  const credentials = await join(t, first, 'orders')
  const orders = planeClient(t, first, credentials)
  await orders.ask('/v1/instances/a', { method: 'PUT', body: { service: 'orders', endpoints: [at(1)] } })
  await first.pushPolicy({ documents })
  const { etag } = await orders.ask('/v1/policy')
  await assert.rejects(
    startPlane({ dir, port: 0, logger: silent }),
    (error) =>
      isMeshError(error) && error.code === 'TULLE_STATE' && error.message.includes(String(process.pid)),
  )
  await assert.rejects(first.pushPolicy({ documents: [{ name: 'a', text: '{' }] }), PolicyRefusal)
  await first.close()
  await assert.rejects(startPlane({ dir, port: 0, trustDomain: 'other', logger: silent }), /trust domain/)
  const again = await start(t, { dir, port: 0, host: '127.0.0.1' })
  assert.equal(again.rootSha256, first.rootSha256)
  assert.equal(again.adminToken, undefined)
  const client = planeClient(t, again, credentials)
  const policy = await client.ask('/v1/policy', { etag, wait: 0 })
  assert.equal(policy.status, 304)
  assert.equal(again.services().orders?.length, 1)
  const admin = planeClient(t, again)
  assert.equal((await admin.ask('/v1/ca', { token: first.adminToken })).status, 200)
})

test('FAULTS 26: bodies that are none are refused, each with its reason, and the plane goes on', async (t) => {
  const plane = await start(t)
  const orders = await member(t, plane, 'orders')
  const put = (body: unknown) => orders.ask('/v1/instances/a', { method: 'PUT', body })
  const one = (endpoint: object) => put({ service: 'orders', endpoints: [endpoint] })
  const bad = [
    put('{'),
    put('<html>'),
    put('[]'),
    put('null'),
    put('{"__proto__":{"x":1}}'),
    put({ service: 'Orders', endpoints: [] }),
    put({ service: 'orders', endpoints: Array.from({ length: 33 }, (_, i) => at(i + 1)) }),
    one(at(0)),
    one(at(70_000)),
    one({ address: 'a b', port: 1 }),
    one({ ...at(1), weight: -1 }),
    one({ ...at(1), weight: 'NaN' }),
    orders.ask('/v1/endpoints?service=%00'),
    orders.ask('/v1/instances/%2e%2e%2f', { method: 'PUT', body: { service: 'orders', endpoints: [] } }),
  ]
  for (const [index, reply] of (await Promise.all(bad)).entries()) {
    assert.equal(reply.status, 400, `${index}: ${JSON.stringify(reply.body)}`)
    assert.ok(reply.body.message.length > 0)
  }
  assert.equal((await put({ service: 'orders', endpoints: [], more: 'x'.repeat(1_100_000) })).status, 413)
  const large = [{ name: 'a.yaml', text: `version: 1\n#${'x'.repeat(900_000)}` }]
  const admin = { method: 'POST', token: plane.adminToken } as const
  assert.equal((await orders.ask('/v1/policy', { ...admin, body: { documents: large } })).status, 200)
  assert.equal((await orders.ask('/v1/policy', { ...admin, body: 'x'.repeat(17_000_000) })).status, 413)
  assert.equal((await orders.ask('/v1/nothing')).status, 404)
})

test('SECURITY 26, 27: garbage, half handshakes and strange names do no harm, and no session is resumed', async (t) => {
  const plane = await start(t)
  const garbage = [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.alloc(2000, 0x16),
    Buffer.from([0x16, 3, 1, 0x40, 0]),
    Buffer.alloc(0),
  ]
  await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const socket = connectTcp(plane.port, '127.0.0.1')
      socket.on('error', () => {})
      await new Promise((resolve) => socket.once('connect', resolve))
      socket.write(garbage[index % 4] as Buffer)
      if (index % 2 === 0) socket.resetAndDestroy()
      else socket.end()
    }),
  )
  const ca = rootsOf(plane)
  const shake = (servername: string, session?: Buffer, maxVersion: 'TLSv1.2' | 'TLSv1.3' = 'TLSv1.3') =>
    new Promise<{ reused: boolean; session: Buffer | undefined }>((resolve, reject) => {
      const socket = connectTls(
        {
          port: plane.port,
          host: '127.0.0.1',
          ca,
          servername,
          maxVersion,
          checkServerIdentity: () => undefined,
          ...(session === undefined ? {} : { session }),
        },
        () => {
          let last: Buffer | undefined = socket.getSession()
          socket.on('session', (ticket: Buffer) => {
            last = ticket
          })
          socket.on('data', () => {
            const reused = socket.isSessionReused()
            socket.destroy()
            resolve({ reused, session: last })
          })
          socket.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n')
        },
      )
      socket.on('error', reject)
    })
  for (const name of ['', 'x'.repeat(60), 'xn--nxasmq6b', 'a..b', '%00']) await shake(name)
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const first = await shake('a', undefined, version)
    assert.equal((await shake('a', first.session, version)).reused, false)
  }
  await assert.rejects(
    new Promise((resolve, reject) => {
      const options = {
        port: plane.port,
        host: '127.0.0.1',
        ca,
        minVersion: 'TLSv1',
        maxVersion: 'TLSv1.1',
      } as const
      connectTls({ ...options, ciphers: 'DEFAULT@SECLEVEL=0' }, () => resolve(undefined)).on('error', reject)
    }),
  )
  assert.equal((await planeClient(t, plane).ask('/livez')).status, 200)
})

test('certificates of others prove nothing: of another plane, or of the right name by another root', async (t) => {
  const plane = await start(t)
  const other = await start(t, { trustDomain: plane.trustDomain })
  const stranger = planeClient(t, plane, await join(t, other, 'orders'))
  const { status, body } = await stranger.ask('/v1/policy')
  assert.equal(status, 401)
  assert.match(body.message, /certificate that was shown is not acceptable/)
  const elsewhere = planeClient(t, plane, await join(t, await start(t), 'orders'))
  assert.equal((await elsewhere.ask('/v1/policy')).status, 401)
  assert.equal((await elsewhere.ask('/v1/trust')).status, 200)
})

test('the plane renews its own certificate without anybody noticing', async (t) => {
  const plane = await start(t, { svidTtlMs: 2000 })
  const serial = () =>
    new Promise<string>((resolve, reject) => {
      const socket = connectTls(
        { port: plane.port, host: '127.0.0.1', ca: rootsOf(plane), checkServerIdentity: () => undefined },
        () => {
          resolve(socket.getPeerCertificate().serialNumber)
          socket.destroy()
        },
      )
      socket.on('error', reject)
    })
  const first = await serial()
  await until(async () => (await serial()) !== first, { what: 'another certificate', everyMs: 100 })
})
