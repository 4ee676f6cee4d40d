import assert from 'node:assert/strict'
import { promises } from 'node:dns'
import { createServer } from 'node:http2'
import { networkInterfaces } from 'node:os'
import { afterEach, test } from 'node:test'
import { targetOf, transportOptions } from '../../../src/grpc/transport-options.ts'
import { FakeEndpoint } from '../../kit/builders.ts'
import { TestCa } from '../../kit/certificates.ts'
import { closeAll, kept, leafTo, ok, secureH2 } from '../../kit/grpc/leaf-bench.ts'
import { Sent } from '../../kit/grpc-bench.ts'
import { serveTcp } from '../../kit/http-harness.ts'
import { TestIdentity } from '../../kit/test-identity.ts'

afterEach(closeAll)

/** @returns its port, and the addresses its callers came to */
async function serveAt(host: string): Promise<{ port: number; reached: string[] }> {
  const reached: string[] = []
  const server = createServer()
  const sessions = new Set<{ destroy(): void }>()
  server.on('session', (session) => {
    sessions.add(session)
    reached.push(String(session.socket.localAddress))
  })
  server.on('stream', ok)
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, host, resolve))
  kept({
    close() {
      for (const session of sessions) session.destroy()
      server.close()
    },
  })
  return { port: (server.address() as { port: number }).port, reached }
}

const loopback6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
)

test('an address of each family, and a name', () => {
  const target = (address: string): string => targetOf(new FakeEndpoint(undefined, 4001, { address }))
  assert.equal(target('10.0.0.1'), 'ipv4:10.0.0.1:4001')
  assert.equal(target('fd00::1'), 'ipv6:[fd00::1]:4001')
  assert.equal(target('orders.internal'), 'dns:orders.internal:4001')
})

test('IPv4 is called', async () => {
  const { port, reached } = await serveAt('127.0.0.2')
  const sent = new Sent(leafTo(port, { spec: { address: '127.0.0.2' } }))
  assert.equal((await sent.ended()).class, 'success')
  assert.deepEqual(reached, ['127.0.0.2'])
})

test('IPv6 is called', async (t) => {
  if (!loopback6) {
    console.error('THIS MACHINE HAS NO IPv6: calls to ::1 are NOT tested')
    return t.skip('no ::1 here')
  }
  const { port, reached } = await serveAt('::1')
  const sent = new Sent(leafTo(port, { spec: { address: '::1' } }))
  assert.equal((await sent.ended()).class, 'success', sent.outcome?.error?.message)
  assert.deepEqual(reached, ['::1'])
})

const DEAD = '127.0.0.3'
const orders = [[DEAD, '127.0.0.1'], ['127.0.0.1', DEAD], ...(loopback6 ? [['::1', DEAD, '127.0.0.1']] : [])]
for (const addresses of orders)
  test(`a name with the addresses ${addresses} is reached where one answers`, async () => {
    const { lookup } = promises
    let asked = 0
    const known = addresses.map((address) => ({ address, family: address === '::1' ? 6 : 4 }))
    promises.lookup = (async (name: string) => {
      assert.equal(name, 'orders.internal')
      asked++
      return known
    }) as never
    try {
      const { port, reached } = await serveAt('127.0.0.1')
      const leaf = leafTo(port, { spec: { address: 'orders.internal' } })
      for (let call = 0; call < 3; call++) {
        const sent = new Sent(leaf)
        assert.equal((await sent.ended()).class, 'success', sent.outcome?.error?.message)
      }
      assert.deepEqual([reached, asked], [['127.0.0.1'], 1])
    } finally {
      promises.lookup = lookup
    }
  })

test('localhost is a name', async () => {
  const { port } = await serveAt('127.0.0.1')
  const sent = new Sent(leafTo(port, { spec: { address: 'localhost' } }))
  assert.equal((await sent.ended()).class, 'success', sent.outcome?.error?.message)
})

test('a name that nobody knows is said to be one, and is unsent', async () => {
  const { error, condition, unsent } = await new Sent(
    leafTo(4001, { spec: { address: 'orders.invalid' } }),
  ).ended()
  assert.deepEqual([condition, unsent], ['connect-failure', true])
  assert.match(String(error?.code), /^TULLE_CONNECT/)
})

test('a host over mutual TLS: the name asked for proves nothing, and is told to nobody', async () => {
  const ca = TestCa.create()
  const server = await secureH2(ca)
  const names: unknown[] = []
  server.server.on('secureConnection', ({ servername }: { servername?: unknown }) => names.push(servername))
  const leaf = leafTo(server.port, { spec: { address: 'localhost' }, identity: new TestIdentity({ ca }) })
  assert.equal((await new Sent(leaf).ended()).class, 'success')
  assert.deepEqual(names, ['mesh'])
})

test('no proxy of the environment is asked, and none of the options', async () => {
  const proxied: string[] = []
  const proxy = kept(
    await serveTcp((socket) => void socket.once('data', (chunk) => proxied.push(String(chunk)))),
  )
  const names = ['http_proxy', 'https_proxy', 'grpc_proxy', 'all_proxy']
  const before = { ...process.env }
  try {
    for (const name of names)
      for (const each of [name, name.toUpperCase()]) process.env[each] = `http://${proxy.address}`
    for (const name of ['no_proxy', 'NO_PROXY', 'no_grpc_proxy']) delete process.env[name]
    const ca = TestCa.create()
    const plain = await serveAt('127.0.0.1')
    const secure = await secureH2(ca)
    const insisting = { 'grpc.enable_http_proxy': 1, 'grpc.http_connect_target': `dns:${proxy.address}` }
    for (const leaf of [
      leafTo(plain.port),
      leafTo(plain.port, { spec: { address: 'localhost' } }),
      leafTo(secure.port, { identity: new TestIdentity({ ca }) }),
    ])
      for (const channelOptions of [{}, insisting])
        assert.equal((await new Sent(leaf, { channelOptions }).ended()).class, 'success')
    assert.deepEqual(proxied, [])
    const { 'grpc.enable_http_proxy': enabled, ...rest } = transportOptions(insisting)
    assert.deepEqual([enabled, 'grpc.http_connect_target' in rest], [0, false])
  } finally {
    for (const name of names)
      for (const each of [name, name.toUpperCase()]) if (before[each] === undefined) delete process.env[each]
    Object.assign(process.env, before)
  }
})
