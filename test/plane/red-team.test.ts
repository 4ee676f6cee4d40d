import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { join as joinPath } from 'node:path'
import { test } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { makeCsr } from '../../src/identity/csr.ts'
import { makeKey } from '../../src/identity/keys.ts'
import { spiffeIdOf } from '../../src/identity/spiffe-id.ts'
import { readSvid } from '../../src/identity/svid.ts'
import { type PlaneOptions, startPlane } from '../../src/plane.ts'
import { type Credentials, join, member, planeClient, rootsOf } from '../kit/plane-client.ts'
import type { Cleanup } from '../kit/process.ts'
import { until, within } from '../kit/wait.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

async function start(t: Cleanup, options: PlaneOptions = {}) {
  const plane = await startPlane({ logger: silent, ...options })
  t.after(() => plane.close())
  return plane
}
type Running = Awaited<ReturnType<typeof start>>

const at = (port: number) => ({ address: '127.0.0.1', port })

/** A bare TLS connection, and all that comes back over it. */
async function tls(
  t: Cleanup,
  plane: Running,
  credentials?: Credentials,
  maxVersion: 'TLSv1.2' | 'TLSv1.3' = 'TLSv1.3',
) {
  const socket: TLSSocket = connect({
    port: plane.port,
    host: '127.0.0.1',
    ca: rootsOf(plane),
    ...credentials,
    maxVersion,
    checkServerIdentity: () => undefined,
  })
  t.after(() => socket.destroy())
  let text = ''
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    text += chunk
  })
  await within(new Promise((resolve) => socket.once('secureConnect', resolve)), 5000, 'a handshake')
  return { socket, said: () => text }
}

test('polls sent ahead over one connection do not take the places of others', async (t) => {
  const plane = await start(t)
  const orders = await member(t, plane, 'orders')
  const { etag } = await orders.ask('/v1/trust')
  const { socket, said } = await tls(t, plane)
  const poll = `GET /v1/trust HTTP/1.1\r\nhost: x\r\nif-none-match: ${etag}\r\nprefer: wait=60\r\n\r\n`
  socket.write(poll.repeat(100))
  socket.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n')
  const mine = await orders.ask('/v1/policy')
  const waiting = orders.ask('/v1/policy', { etag: mine.etag, wait: 30 })
  await orders.ask('/v1/info')
  await plane.pushPolicy({ documents: [{ name: 'a.yaml', text: 'version: 1\n' }] })
  assert.equal((await waiting).status, 200)
  await plane.ban('nobody')
  await until(() => said().includes('429'), {
    what: 'refusals behind the polls that may wait',
    withinMs: 20_000,
  })
})

test('what was taken by one use of a token is gone for everybody who tries at the same moment', async (t) => {
  const plane = await start(t)
  const token = plane.createToken('orders', { uses: 1 })
  const results = await Promise.allSettled(Array.from({ length: 12 }, () => join(t, plane, 'orders', token)))
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
})

test('a token or certificate gets a certificate of its own service and nothing more, whatever is asked for', async (t) => {
  const plane = await start(t, { admins: ['ops'] })
  const client = planeClient(t, plane)
  const keys = await makeKey()
  const own = await join(t, plane, 'orders')
  const orders = planeClient(t, plane, own)
  const id = (service: string, dc = 'dc1', domain = plane.trustDomain) => spiffeIdOf(domain, dc, service)
  const attempts: readonly (readonly [service: string, ids: string])[] = [
    ['ops', id('ops')],
    ['orders', id('ops')],
    ['ops', id('orders')],
    ['tulle-plane', id('tulle-plane')],
    ['orders', id('orders', 'dc2')],
    ['orders', id('orders', 'dc1', 'elsewhere.example')],
    ['orders', `${id('orders')}/../ops`],
    ['orders', `${id('orders')}#ops`],
    ['*', id('orders')],
    ['Orders', id('Orders')],
  ]
  for (const [service, asked] of attempts) {
    const body = { csr: makeCsr(asked, keys), service }
    for (const [who, token] of [
      [client, plane.createToken('orders')],
      [orders, undefined],
      [client, plane.adminToken],
    ] as const) {
      const { status } = await who.ask('/v1/svid', { method: 'POST', body, token })
      assert.ok(status === 400 || status === 403 || status === 401, `${service} ${asked}: ${status}`)
    }
  }
  const good = await orders.ask('/v1/svid', {
    method: 'POST',
    body: { csr: makeCsr(id('orders'), keys), service: 'orders' },
  })
  assert.equal(good.status, 200)
  const leaf = Buffer.from(good.body.chain[0].replace(/-----[A-Z ]+-----|\s/g, ''), 'base64')
  const svid = readSvid(leaf)
  assert.equal('id' in svid ? svid.id : '', id('orders'))
})

test('a banned service cannot come back: not by its certificate, a token old or new, a renewal, or a registration', async (t) => {
  const plane = await start(t)
  const token = plane.createToken('orders')
  const orders = planeClient(t, plane, await join(t, plane, 'orders', token))
  await plane.ban('orders')
  const keys = await makeKey()
  const body = { csr: makeCsr(spiffeIdOf(plane.trustDomain, 'dc1', 'orders'), keys), service: 'orders' }
  assert.equal((await orders.ask('/v1/svid', { method: 'POST', body })).status, 403)
  for (const each of [token, plane.createToken('orders')])
    assert.equal(
      (await planeClient(t, plane).ask('/v1/svid', { method: 'POST', body, token: each })).status,
      403,
    )
  const registration = { service: 'orders', endpoints: [at(1)] }
  assert.equal((await orders.ask('/v1/instances/a', { method: 'PUT', body: registration })).status, 403)
  assert.equal((await orders.ask('/v1/policy')).status, 403)
})

test('nobody becomes another one on an open connection', async (t) => {
  const plane = await start(t)
  const { socket } = await tls(t, plane, await join(t, plane, 'orders'), 'TLSv1.2')
  const error = await within(
    new Promise<Error | null>((resolve) => {
      socket.once('error', resolve)
      socket.once('close', () => resolve(new Error('closed')))
      socket.renegotiate({}, (failed) => resolve(failed))
    }),
    5000,
    'an answer to a renegotiation',
  )
  assert.notEqual(error, null)
})

test('lines cannot be forged in the logs, and no secret gets into them', async (t) => {
  const logged: string[] = []
  const note = (message: string, fields?: object): void =>
    void logged.push(JSON.stringify({ message, fields }))
  const plane = await start(t, { logger: { debug: note, info: note, warn: note, error: note } })
  const orders = await member(t, plane, 'orders')
  const token = plane.createToken('orders')
  const nobody = planeClient(t, plane)
  const forged = encodeURIComponent('x\n{"caller":"admin"}')
  await orders.ask(`/v1/instances/${forged}/heartbeat`, { method: 'POST' })
  await orders.ask(`/v1/instances/${forged}`, { method: 'PUT', body: { service: 'orders', endpoints: [] } })
  await nobody.ask(`/v1/bans/${forged}`, { method: 'PUT', token: plane.adminToken, body: { reason: 'a\nb' } })
  await nobody.ask(`/v1/policy/versions?secret=${token}`, { token: `${token}x` })
  await nobody.ask(`/${'y'.repeat(5000)}`)
  await nobody.ask('/v1/ca', { token: 'tulle_admin_a.secretsecret' })
  await plane.close()
  const all = logged.join('\n')
  const secret = token.split('.')[1]!
  for (const text of [secret, plane.adminToken!.split('.')[1]!, 'secretsecret'])
    assert.ok(!all.includes(text), text)
  assert.ok(logged.every((line) => line.length < 2000))
})

test('every line of the audit log is one entry, whatever was asked', async (t) => {
  const plane = await start(t)
  const orders = await member(t, plane, 'orders')
  const client = planeClient(t, plane)
  const token = plane.adminToken
  for (const reason of ['a\nb', '\u2028{"time":1}', '"}\n{"time":1,"caller":"admin"}'])
    await client.ask('/v1/bans/users', { method: 'PUT', token, body: { reason } })
  await orders.ask(`/v1/instances/${encodeURIComponent('x\n{}')}`, {
    method: 'PUT',
    body: { service: 'orders', endpoints: [] },
  })
  await client.ask('/v1/ca', { token: `${plane.createToken('orders')}` })
  await client.ask('/v1/tokens', { method: 'POST', token, body: { service: 'orders' } })
  const text = readFileSync(joinPath(plane.dir, 'audit.log'), 'utf8')
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { caller: string; time: number })
  assert.ok(lines.length >= 5)
  assert.ok(lines.every(({ time }) => time > 1_000_000))
  assert.doesNotMatch(text, /tulle_(?:join|admin)_/)
})

test('a body is not read before its sender may send one, nor further than it may be long', async (t) => {
  const plane = await start(t)
  const stranger = await tls(t, plane)
  stranger.socket.write(
    'POST /v1/policy HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000000000\r\n\r\n{',
  )
  await until(() => stranger.said().startsWith('HTTP/1.1 401'), {
    what: 'a refusal before the body',
    withinMs: 2000,
  })
  const { socket, said } = await tls(t, plane, await join(t, plane, 'orders'))
  socket.write(
    'PUT /v1/instances/a HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n',
  )
  const chunk = `10000\r\n${' '.repeat(65_536)}\r\n`
  let sent = 0
  for (; sent < 64 && !socket.destroyed && said() === ''; sent++) {
    if (!socket.write(chunk))
      await until(() => !socket.writableNeedDrain || socket.destroyed, { what: 'room' })
  }
  await until(() => said().startsWith('HTTP/1.1 413'), {
    what: 'the end of a body without end',
    withinMs: 5000,
  })
})

test('connections are limited, and who waits in vain takes no place for long', async (t) => {
  const plane = await start(t, { maxConnections: 10 })
  const orders = await member(t, plane, 'orders', 1)
  assert.equal((await orders.ask('/v1/policy')).status, 200)
  const open: Promise<unknown>[] = []
  const sockets = Array.from({ length: 30 }, () => {
    const socket = connectTcp(plane.port, '127.0.0.1')
    socket.on('error', () => {})
    open.push(new Promise((resolve) => socket.once('close', resolve)))
    socket.resume()
    return socket
  })
  await until(() => sockets.filter(({ destroyed }) => destroyed).length >= 20, {
    what: 'those too many to be closed',
  })
  assert.equal((await orders.ask('/v1/policy')).status, 200, 'who is there already is served')
  // Half a handshake has five seconds.
  await within(Promise.all(open), 10_000, 'the end of those that say nothing')
  assert.equal((await planeClient(t, plane).ask('/livez')).status, 200)
})

test('who is refused again and again does not fill the log', async (t) => {
  const warned: string[] = []
  const logger = { ...silent, warn: (message: string) => warned.push(message) }
  const plane = await start(t, { logger })
  const { socket, said } = await tls(t, plane)
  for (let n = 0; n < 30; n++) socket.write('GET /v1/policy HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(20))
  await until(() => said().split('HTTP/1.1 401').length > 600, { what: 'every refusal' })
  const refusals = warned.filter((message) => message.startsWith('refused: '))
  assert.ok(refusals.length >= 100 && refusals.length < 200, String(refusals.length))
})
