import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endpointsWire, registrationWire } from '../../src/core/plane-wire.ts'
import type { Listener } from '../../src/core/runtime.ts'
import { Registrar, type RegistrarOptions } from '../../src/discovery/registrar.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { FakeLink, settled } from '../kit/fake-link.ts'

const at = (port: number, more: Partial<Listener> = {}): Listener => ({
  host: '127.0.0.1',
  port,
  protocol: 'http',
  mtls: 'strict',
  ...more,
})

function world(options: Partial<RegistrarOptions> = {}) {
  const link = new FakeLink()
  const clock = new ManualClock()
  const registrar = new Registrar({
    link,
    clock,
    random: () => 0.5,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    instance: 'i-1',
    service: 'orders',
    meta: { version: 'v1' },
    hasIdentity: true,
    localAddress: async () => '10.0.0.7',
    ...options,
  })
  const later = async (ms: number): Promise<void> => {
    clock.advance(ms)
    await settled()
  }
  const places = () => registrar.status().endpoints
  const listening = async (...listeners: Listener[]): Promise<void> => {
    for (const listener of listeners) registrar.listen(listener)
    await later(0)
    await link.last('PUT').answer({ ttlMs: 9000 })
  }
  return { registrar, link, clock, later, places, listening }
}

test('everything that is served is registered at once, under one instance', async () => {
  const { registrar, link, listening } = world()
  await listening(at(4001), at(4002, { protocol: 'grpc', mtls: 'permissive' }))
  assert.equal(link.sent.length, 1)
  const { path, body, auth } = link.last('PUT').request
  assert.deepEqual([path, auth], ['/v1/instances/i-1', 'identity'])
  assert.deepEqual(body, {
    service: 'orders',
    endpoints: [
      { address: '127.0.0.1', port: 4001, version: 'v1', protocol: 'http', mtls: 'strict' },
      { address: '127.0.0.1', port: 4002, version: 'v1', protocol: 'grpc', mtls: 'permissive' },
    ],
  })
  assert.ok(registrationWire.safeParse(body).success)
  assert.equal(registrar.status().state, 'registered')
})

test('a heartbeat goes out every third of the time the plane gives, give or take a tenth', async () => {
  for (const [chance, due] of [
    [0, 2700],
    [0.5, 3000],
    [1, 3300],
  ] as const) {
    const { link, later, listening, registrar } = world({ random: () => chance })
    await listening(at(4001))
    await later(due - 1)
    assert.equal(link.all('POST').length, 0)
    await later(1)
    assert.equal(link.last('POST').request.path, '/v1/instances/i-1/heartbeat')
    await link.last('POST').answer({ ttlMs: 9000 })
    await later(due)
    assert.equal(link.all('POST').length, 2)
    assert.equal(registrar.status().ageMs, due)
  }
})

test('a plane that does not know us any more is told everything again', async () => {
  const { link, later, listening, registrar } = world()
  await listening(at(4001))
  await later(3000)
  await link.last('POST').refuse(404)
  await later(0)
  assert.equal(link.all('PUT').length, 2)
  await link.last('PUT').answer({ ttlMs: 9000 })
  assert.equal(registrar.status().state, 'registered')
})

test('FAULTS 27: failures back off with full jitter, less than the grace a plane gives, and are told of', async () => {
  const { link, clock, later, listening, registrar } = world({ random: () => 1 })
  await listening(at(4001))
  await later(3300)
  const waits: number[] = []
  for (let n = 0; n < 7; n++) {
    await link.last('POST').fail(new Error('the plane is down'))
    waits.push(clock.next!)
    await later(clock.next!)
  }
  assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 4000, 4000])
  assert.equal(registrar.status().problem, 'the plane is down')
  await link.last('POST').answer({ ttlMs: 9000 })
  assert.equal(registrar.status().problem, undefined)
  assert.equal(link.sent.filter(({ open }) => open).length, 0)
})

test('FAULTS 26: a lease that is nonsense neither makes a storm of heartbeats nor ends them', async () => {
  const { link, clock, later, listening } = world()
  await listening(at(4001))
  await later(3300)
  for (const ttlMs of [1e300, 1e-9, -1, Number.NaN, '9000', null, {}, undefined]) {
    await link.last('POST').answer(ttlMs === undefined ? '<html>' : { ttlMs })
    assert.ok(clock.next! >= 90 && clock.next! <= 22_000, `${ttlMs}: ${clock.next}`)
    await later(clock.next!)
  }
  assert.equal(link.all('POST').length, 9)
})

test('a registration that is refused is tried again, and is no registration', async () => {
  const { registrar, link, later } = world()
  registrar.listen(at(4001))
  await later(0)
  await link.last('PUT').refuse(403)
  assert.equal(registrar.status().state, 'registering')
  assert.equal(registrar.status().problem, 'refused: 403')
  await later(250)
  assert.equal(link.all('PUT').length, 2)
})

test('a listener more, or one less, registers anew; what was under way is broken off', async () => {
  const { registrar, link, later, listening, places } = world()
  const second = at(4002)
  await listening(at(4001))
  await later(3000)
  const heartbeat = link.last('POST')
  registrar.listen(second)
  await later(0)
  assert.equal(heartbeat.signal?.aborted, true)
  assert.deepEqual(places(), ['127.0.0.1:4001', '127.0.0.1:4002'])
  await link.last('PUT').answer({ ttlMs: 9000 })
  registrar.leave(second)
  await later(0)
  assert.deepEqual(places(), ['127.0.0.1:4001'])
})

test('before a drain the instance leaves for good', async () => {
  const { registrar, link, clock, later, listening } = world()
  await listening(at(4001))
  const left = registrar.deregister()
  assert.equal(link.last().request.method, 'DELETE')
  assert.equal(link.last().request.path, '/v1/instances/i-1')
  await link.last('DELETE').answer(undefined)
  await left
  registrar.listen(at(4002))
  await later(60_000)
  await registrar.deregister()
  assert.equal(link.sent.length, 2)
  assert.equal(clock.armed, 0)
  assert.equal(registrar.status().state, 'left')
})

test('a plane that hangs holds no drain up for more than a second', async () => {
  const { registrar, link, clock, listening } = world()
  await listening(at(4001))
  const left = registrar.deregister()
  clock.advance(1000)
  await left
  assert.equal(link.last('DELETE').signal?.aborted, true)
  assert.match(registrar.status().problem ?? '', /no answer within 1000 ms/)
  assert.equal(clock.armed, 0)
})

test('who never registered says nothing when he leaves', async () => {
  const { registrar, link, later } = world()
  await later(60_000)
  await registrar.deregister()
  assert.equal(link.sent.length, 0)
})

test('a plaintext door is nobody’s business in the mesh, unless everything is plaintext', async () => {
  const { registrar, link, later } = world()
  registrar.listen(at(4001, { mtls: 'disable' }))
  await later(60_000)
  assert.equal(link.sent.length, 0)
  const plain = world({ hasIdentity: false })
  await plain.listening(at(4001, { mtls: 'disable' }))
  assert.deepEqual(plain.places(), ['127.0.0.1:4001'])
})

test('the address is the advertised one, else the bound one, else the one used towards the plane', async () => {
  const cases: readonly (readonly [string | undefined, string, string])[] = [
    [undefined, '127.0.0.1', '127.0.0.1:4001'],
    [undefined, '::1', '[::1]:4001'],
    [undefined, '0.0.0.0', '10.0.0.7:4001'],
    [undefined, '::', '10.0.0.7:4001'],
    ['orders.internal', '0.0.0.0', 'orders.internal:4001'],
    ['orders.internal:80', '0.0.0.0', 'orders.internal:80'],
    [':80', '0.0.0.0', '10.0.0.7:80'],
    [':80', '192.168.0.1', '192.168.0.1:80'],
    ['fe80::1', '::', '[fe80::1]:4001'],
    ['[fe80::1]', '::', '[fe80::1]:4001'],
    ['[fe80::1]:80', '::', '[fe80::1]:80'],
  ]
  for (const [advertise, host, expected] of cases) {
    const { listening, places, link } = world({ advertise })
    await listening(at(4001, { host }))
    assert.deepEqual(places(), [expected], `${advertise} ${host}`)
    const { endpoints } = link.last('PUT').request.body as { endpoints: unknown }
    assert.ok(endpointsWire.safeParse({ services: { orders: endpoints }, known: [] }).success)
  }
})

test('an advertised address that is none is refused at once', () => {
  for (const advertise of ['', 'http://orders', 'orders:0', 'orders:70000', ':', ':x', 'a b', 'orders:80/x'])
    assert.throws(
      () => world({ advertise }),
      { code: 'TULLE_CONFIG', message: /host, host:port or :port/ },
      advertise,
    )
})

test('where no address is known the problem says what to set', async () => {
  const { registrar, link, later } = world({ localAddress: async () => undefined })
  registrar.listen(at(4001, { host: '0.0.0.0' }))
  await later(0)
  assert.equal(link.sent.length, 0)
  assert.match(registrar.status().problem ?? '', /port 4001 at: set TULLE_ADVERTISE/)
})

test('FAULTS 20: who could not register asks at once when the plane is back, and only who could not', async () => {
  const { registrar, link, later, listening } = world()
  await listening(at(4001))
  for (let n = 0; n < 8; n++) {
    await later(4000)
    if (link.last().open) await link.last().fail()
  }
  const before = link.sent.length
  await link.back()
  await later(0)
  assert.equal(link.sent.length, before + 1)
  await link.last().answer({ ttlMs: 9000 })
  await link.back()
  await later(0)
  assert.equal(link.sent.length, before + 1)
  const leaving = registrar.deregister()
  await link.last('DELETE').answer(undefined)
  await leaving
  assert.equal(link.waiting.size, 0)
})

test('several listeners behind one advertised port are one endpoint, and that is said once', async () => {
  const warned: string[] = []
  const log = { debug() {}, info() {}, error() {}, warn: (message: string) => warned.push(message) }
  const { places, listening } = world({ advertise: 'edge.internal:443', log })
  await listening(at(4001), at(4002))
  assert.deepEqual(places(), ['edge.internal:443'])
  await listening(at(4003))
  assert.equal(warned.length, 1)
  assert.match(warned[0] ?? '', /ports 4001, 4002 are registered as one endpoint, edge\.internal:443/)
})

test('one listener behind an advertised port, or several behind an advertised host, are no mistake', async () => {
  for (const [advertise, ...ports] of [
    ['edge.internal:443', 4001],
    ['edge.internal', 4001, 4002],
  ] as const) {
    const warned: string[] = []
    const log = { debug() {}, info() {}, error() {}, warn: (message: string) => warned.push(message) }
    const { listening } = world({ advertise, log })
    await listening(...ports.map((port) => at(port)))
    assert.deepEqual(warned, [])
  }
})
