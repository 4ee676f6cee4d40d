import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConsulNames } from '../../src/discovery/consul-names.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { ConsulScript } from '../kit/consul-script.ts'
import { settled } from '../kit/fake-link.ts'

const SERVICES = '/v1/catalog/services'
const DATACENTERS = '/v1/catalog/datacenters'
const CONNECT = '/v1/health/connect/'

function world() {
  const link = new ConsulScript()
  const clock = new ManualClock()
  const told: string[] = []
  const log = { debug() {}, info() {}, warn: (message: string) => told.push(message), error() {} }
  const names = new ConsulNames({
    link,
    clock,
    random: () => 1,
    log,
    onChange: () => told.push(names.known.join()),
    onError: (error) => told.push(String(error)),
    onHeard: () => {},
  })
  const says = async (body: unknown): Promise<void> => {
    clock.advance(30_000)
    await settled()
    await link
      .all(SERVICES)
      .findLast(({ open, request }) => open && request.query?.dc === undefined)
      ?.answer(body)
    await settled()
  }
  return { link, clock, told, names, says }
}

test('names that tulle can call are known: no servers, no sidecars, no upper case, underscores or dots', async () => {
  const { names, says } = world()
  await says({
    consul: [],
    orders: ['a'],
    'orders-sidecar-proxy': [],
    'lone-sidecar-proxy': [],
    Upper: [],
    under_score: [],
    'dot.ted': [],
    stock: [],
  })
  assert.deepEqual(names.known, ['lone-sidecar-proxy', 'orders', 'stock'])
  names.stop()
})

test('a catalog without anything, as a lost token sees it, takes no name away', async () => {
  const { names, says, told } = world()
  await says({ consul: [], orders: [] })
  await says({})
  assert.deepEqual(names.known, ['orders'])
  assert.match(names.problem ?? '', /it lacks service_prefix "" \{ policy = "read" \}/)
  await says({ consul: [] })
  assert.equal(names.problem, undefined)
  assert.deepEqual(names.known, [])
  assert.deepEqual([told[0], told[2]], ['orders', ''])
  names.stop()
})

test('what is no list of names is refused', async () => {
  const { names, says, told } = world()
  await says({ orders: [] })
  for (const body of [null, 5, 'orders', [1], [['orders']]]) await says(body)
  assert.deepEqual(names.known, ['orders'])
  assert.match(told[1] ?? '', /answered what is no list of names: the last good ones stay/)
  names.stop()
})

test('a name of another datacenter is asked for when it is called first, once, and then known', async () => {
  const { link, names, says, told } = world()
  await says({ orders: [] })
  void names.seek('orders.dc2')
  void names.seek('orders.dc2')
  void names.seek('stock.dc2')
  await settled()
  assert.equal(link.all(DATACENTERS).length, 1)
  await link.last(DATACENTERS).answer(['dc1', 'dc2'])
  await settled()
  const remote = link.all(SERVICES).filter(({ request }) => request.query?.dc === 'dc2')
  assert.equal(remote.length, 1)
  assert.equal(remote[0]?.request.index, undefined, 'no blocking query of its own')
  await remote[0]?.answer({ consul: [], orders: [] })
  await settled()
  assert.deepEqual(names.known, ['orders', 'orders.dc2'])
  assert.deepEqual(told, ['orders', 'orders,orders.dc2'])
  await says({ orders: [], billing: [] })
  assert.deepEqual(names.known, ['billing', 'orders', 'orders.dc2'])
  names.stop()
})

test('a name that is none, or of no datacenter there is, costs the catalog nothing', async () => {
  const { link, names } = world()
  for (const name of ['Oders', 'a.b.c', 'Orders.dc2']) await names.seek(name)
  assert.deepEqual([link.all(DATACENTERS).length, link.all(CONNECT).length], [0, 0])
  void names.seek('www.example')
  await settled()
  await link.last(DATACENTERS).answer(['dc1'])
  await settled()
  assert.equal(link.all(SERVICES).filter(({ request }) => request.query?.dc !== undefined).length, 0)
  names.stop()
})

test('a name that nothing but a sidecar stands for is asked for when it is called, and then known', async () => {
  const { link, clock, names, says, told } = world()
  await says({ consul: [], 'db-proxy': [] })
  const first = names.seek('db')
  void names.seek('db')
  await settled()
  assert.deepEqual(
    link.all(CONNECT).map(({ request }) => [request.path, request.query?.dc, request.index]),
    [[`${CONNECT}db`, undefined, undefined]],
  )
  await link.last(CONNECT).answer([{ Service: { Kind: 'connect-proxy' } }])
  await first
  assert.deepEqual(names.known, ['db', 'db-proxy'])
  await says({ consul: [], db: [], 'db-proxy': [] })
  assert.deepEqual(names.known, ['db', 'db-proxy'], 'once, where it is registered too')

  const misspelt = names.seek('dv')
  await settled()
  await link.last(`${CONNECT}dv`).answer([])
  await misspelt
  assert.equal(told.length, 2, 'it may be about to come')
  clock.advance(1000)
  assert.match(told.at(-1) ?? '', /^dv: Consul lists no such service; .* service "dv" \{ policy = "read" \}$/)
  void names.seek('dv')
  await settled()
  assert.equal(link.all(`${CONNECT}dv`).length, 1, 'not at every call')
  clock.advance(5000)
  const failed = names.seek('dv')
  await settled()
  await link.last(`${CONNECT}dv`).fail()
  await failed
  assert.deepEqual(
    [names.known.includes('dv'), told.length],
    [false, 3],
    'the names themselves say that it is away',
  )
  names.stop()
})

test('in another datacenter too, a sidecar alone is enough', async () => {
  const { link, names } = world()
  const sought = names.seek('db.dc2')
  await settled()
  await link.last(DATACENTERS).answer(['dc1', 'dc2'])
  await settled()
  await link.last(SERVICES).answer({ consul: [], 'db-proxy': [] })
  await settled()
  assert.equal(link.last(CONNECT).request.query?.dc, 'dc2')
  await link.last(CONNECT).answer([{ Service: { Kind: 'connect-proxy' } }])
  await sought
  assert.deepEqual(names.known, ['db.dc2'])
  names.stop()
})

test('names that are made up ask eight questions at a time, whoever makes them up', async () => {
  const { link, names } = world()
  for (let n = 0; n < 100; n++) void names.seek(`made-up-${n}`)
  await settled()
  assert.equal(link.all(CONNECT).length, 8)
  names.stop()
})

test('a thousand calls of a name in a datacenter there is not are one warning', async () => {
  const { link, clock, names, told } = world()
  const calls = Array.from({ length: 1000 }, () => names.seek('orders.dc9'))
  await settled()
  await link.last(DATACENTERS).answer(['dc1', 'dc2'])
  await Promise.all(calls)
  for (let call = 0; call < 1000; call++) await names.seek('orders.dc9')
  assert.deepEqual(told, ['orders.dc9: Consul knows no datacenter dc9, but dc1, dc2'])
  clock.advance(5000)
  void names.seek('orders.dc9')
  await settled()
  assert.equal(link.all(DATACENTERS).length, 2)
  names.stop()
})

test('a datacenter that cannot be asked is said, and asked again later', async () => {
  const { link, clock, names, told } = world()
  const first = names.seek('orders.dc2')
  await settled()
  await link.last(DATACENTERS).refuse(500, 'No cluster leader')
  await first
  assert.match(told[0] ?? '', /^orders\.dc2: .*No cluster leader/)
  clock.advance(5000)
  void names.seek('orders.dc2')
  await settled()
  assert.equal(link.all(DATACENTERS).length, 2)
  names.stop()
})
