import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { EndpointSet } from '../../src/core/endpoint.ts'
import { MeshError } from '../../src/core/errors.ts'
import type { EndpointWire } from '../../src/core/plane-wire.ts'
import { PlaneSource } from '../../src/discovery/plane.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { sourceContract } from '../contract/source.ts'
import { FakeLink, settled } from '../kit/fake-link.ts'
import { MemoryState } from '../kit/memory-state.ts'

const WALL = 1_700_000_000_000
const at = (port: number): EndpointWire => ({ address: '10.0.0.1', port })
const ORDERS = [at(4001), at(4002)]

function world(store = new MemoryState()) {
  const link = new FakeLink()
  const clock = new ManualClock()
  const logged: string[] = []
  const note = (message: string) => logged.push(message)
  const source = new PlaneSource({
    link,
    store,
    clock,
    wall: () => WALL + clock.now() - 1_000_000,
    random: () => 1,
    log: { debug: note, info: note, warn: note, error: note },
  })
  const watch = (service: string) => {
    const sets: EndpointSet[] = []
    const errors: unknown[] = []
    const stop = source.watch(
      service,
      (set) => sets.push(set),
      (error) => errors.push(error),
    )
    const ports = () => sets.map(({ endpoints }) => endpoints.map(({ port }) => port))
    return { sets, errors, stop, ports }
  }
  const later = async (ms: number): Promise<void> => {
    clock.advance(ms)
    await settled()
  }
  const says = async (services: object, known = Object.keys(services), etag?: string): Promise<void> => {
    await later(15_000)
    await link.last().answer({ services, known }, etag)
    await later(0)
  }
  return { link, clock, store, source, logged, watch, later, says }
}

sourceContract('plane', async () => {
  const { link, source } = world()
  const answer = async () => {
    await settled()
    const open = link.sent.findLast((sent) => sent.open)
    const asked = new URLSearchParams(open?.request.path.split('?')[1]).getAll('service')
    const services = Object.fromEntries(asked.map((name) => [name, name === 'orders' ? ORDERS : []]))
    await open?.answer({ services, known: ['orders'] })
  }
  const start = source.start(new AbortController().signal)
  await answer()
  await start
  return { source, settled: answer }
})

test('one poll asks for exactly what is watched; watches of one tick make one question', async () => {
  const { link, source, watch, says } = world()
  const orders = watch('orders')
  watch('stock')
  watch('orders')
  await settled()
  assert.equal(link.sent.length, 1)
  assert.equal(link.last().request.path, '/v1/endpoints?service=orders&service=stock')
  await says({ orders: ORDERS, stock: [] }, ['orders', 'stock'], '"1"')
  assert.equal(link.last().request.etag, '"1"')
  const before = link.sent.length
  watch('billing')
  await settled()
  assert.equal(link.sent.length, before + 1)
  assert.match(link.last().request.path, /service=billing&service=orders&service=stock$/)
  assert.equal(link.last().request.etag, undefined)
  assert.equal(link.sent.filter(({ open }) => open).length, 1)
  orders.stop()
  await source.close()
})

test('watches that follow each other closely are gathered: a poll that is broken off costs a handshake', async () => {
  const { link, source, clock, watch, later, says } = world()
  watch('orders')
  await settled()
  await says({ orders: ORDERS })
  const before = link.sent.length
  for (const name of ['a', 'b', 'c', 'd']) {
    watch(name)
    await later(5)
  }
  assert.equal(link.sent.length, before + 1, 'the first is asked for at once')
  await later(25)
  assert.equal(link.sent.length, before + 2)
  assert.match(link.last().request.path, /\?service=a&service=b&service=c&service=d&service=orders$/)
  watch('e')
  await source.close()
  assert.equal(clock.armed, 0)
})

test('what was judged before is not believed again where it is twice, wrong or another', async () => {
  const { source, watch, says } = world()
  const { sets } = watch('orders')
  await settled()
  const [one, two, three] = [at(4001), { ...at(4002), zone: 'a' }, at(4003)]
  await says({ orders: [one, two, three] })
  assert.equal(sets.length, 1)
  const wrong = [
    [one, two, two],
    [one, two, three, one],
    [one, two, { ...two, zone: 'b' }],
    [{ ...two, zone: 'b' }, two],
    [one, { ...at(4009) }, { ...at(4009) }],
    [one, two, { ...three, weight: -1 }],
    [one, two, { ...three, port: '4003' }],
    [one, two, null],
  ]
  for (const orders of wrong) {
    await says({ orders: orders as EndpointWire[] })
    assert.match(source.status().problem ?? '', /the last good ones stay/, JSON.stringify(orders))
    await says({ orders: [one, two, three] })
    assert.equal(source.status().problem, undefined)
  }
  assert.equal(new Set(sets).size, 1, 'nothing else was ever told')
  await says({ orders: [three, { ...two, zone: 'b' }, at(4004)] })
  const told = sets.at(-1)?.endpoints.map(({ port, zone }) => [port, zone])
  assert.deepEqual(told, [
    [4003, undefined],
    [4002, 'b'],
    [4004, undefined],
  ])
  await source.close()
})

test('all that an endpoint says of itself comes through, and a set is told only when it has changed', async () => {
  const { source, watch, says } = world()
  const orders = watch('orders')
  const full: EndpointWire = {
    ...at(4001),
    weight: 2,
    zone: 'a',
    version: 'v2',
    mtls: 'strict',
    protocol: 'grpc',
  }
  await settled()
  await says({ orders: [full] })
  await says({ orders: [{ ...full }] }, ['orders', 'stock'])
  const { protocol, ...rest } = full
  assert.deepEqual(orders.sets, [{ endpoints: [{ ...rest, protocol }] }])
  await says({ orders: [{ ...full, weight: 3 }] })
  assert.equal(orders.sets.length, 2)
  await says({ orders: [{ ...full, weight: 3, protocol: 'http' }] })
  assert.equal(orders.sets.at(-1)!.endpoints[0]!.protocol, 'http')
  await says({ orders: [rest] })
  assert.deepEqual(orders.sets.at(-1)!.endpoints[0], { ...rest, protocol: undefined })
  await source.close()
})

test('names that come and go are told of', async () => {
  const { source, watch, says } = world()
  let told = 0
  const stop = source.onKnown(() => told++)
  watch('orders')
  await settled()
  await says({ orders: [] }, ['stock', 'orders'])
  assert.deepEqual(source.known(), ['orders', 'stock'])
  await says({ orders: ORDERS }, ['orders', 'stock'])
  assert.equal(told, 1)
  stop()
  await says({ orders: ORDERS }, ['orders'])
  assert.equal(told, 1)
  await source.close()
})

test('FAULTS 26: an answer with any mistake is refused whole, the last good sets stay, and the watch hears of it', async () => {
  const { source, watch, says } = world()
  const orders = watch('orders')
  await settled()
  await says({ orders: ORDERS })
  const wrong: readonly object[] = [
    { orders: [at(4003), at(4003)] },
    { orders: [at(4003), at(0)] },
    { orders: [at(4003), at(70_000)] },
    { orders: [at(4003), { ...at(1), weight: Number.NaN }] },
    { orders: [at(4003), { ...at(1), weight: 0 }] },
    { orders: [at(4003), { address: 'http://evil', port: 1 }] },
    { orders: [at(4003), { address: '', port: 1 }] },
    { orders: [at(4003), { port: 1 }] },
    { orders: {} },
    { orders: null },
    { stock: [] },
  ]
  for (const services of wrong) {
    await says(services)
    assert.match(String(orders.errors.at(-1)), /the last good ones stay/, JSON.stringify(services))
  }
  assert.equal(orders.errors.length, wrong.length)
  assert.deepEqual(orders.ports(), [[4001, 4002]])
  assert.match(source.status().problem ?? '', /which was asked for/)
  await says({ orders: [at(4009)] })
  assert.equal(source.status().problem, undefined)
  assert.deepEqual(orders.ports().at(-1), [4009])
  await source.close()
})

test('FAULTS 26: 10,000 mutations of an answer never throw, and only whole sets come through', async () => {
  const { link, clock, source, watch } = world()
  const orders = watch('orders')
  await settled()
  const good = JSON.stringify({ services: { orders: ORDERS }, known: ['orders'] })
  const pieces = ['"__proto__"', 'null', '[]', '{}', '-1', '1e999', '"a"', ',', '"', '{', '}', '4001', '0']
  const random = fc.sample(fc.nat(), { numRuns: 30_000, seed: 26 })
  for (let n = 0; n < 10_000; n++) {
    const start = random[3 * n]! % good.length
    const piece = pieces[random[3 * n + 1]! % pieces.length]!
    const text = good.slice(0, start) + piece + good.slice(start + (random[3 * n + 2]! % 12))
    let body: unknown
    try {
      body = JSON.parse(text)
    } catch {
      body = text
    }
    const poll = link.sent.findLast(({ open }) => open)!
    link.sent.length = 0
    await poll.answer(body)
    clock.advance(16_000)
  }
  for (const { endpoints } of orders.sets)
    for (const { address, port } of endpoints) {
      assert.ok(port >= 1 && port <= 65_535)
      assert.ok(address.length > 0)
    }
  assert.ok(orders.errors.length > 5000)
  assert.ok(orders.sets.length > 10)
  await source.close()
})

test('FAULTS 20: with the plane down at the start, what an earlier run kept is used, with its age', async () => {
  const store = new MemoryState()
  store.put('endpoints.json', { savedMs: WALL - 5000, services: { orders: ORDERS }, known: ['orders'] })
  const { source, link, watch, says, later } = world(store)
  const start = source.start(new AbortController().signal)
  await settled()
  await link.last().fail(new MeshError('TULLE_PLANE', 'nothing listens there'))
  await start
  assert.deepEqual(source.status(), { source: 'kept', ageMs: 5000, problem: 'nothing listens there' })
  assert.deepEqual(source.known(), ['orders'])
  const orders = watch('orders')
  assert.deepEqual(orders.ports(), [[4001, 4002]])
  await later(250)
  await says({ orders: [at(4003)] })
  assert.deepEqual(orders.ports(), [[4001, 4002], [4003]])
  assert.deepEqual(source.status(), { source: 'plane', ageMs: 0, problem: undefined })
  await source.close()
})

test('what was kept is not used while the plane answers, and is where it hangs', async () => {
  const kept = {
    savedMs: WALL - 5000,
    services: { orders: ORDERS, stock: ORDERS },
    known: ['orders', 'stock'],
  }
  const store = new MemoryState()
  store.put('endpoints.json', kept)
  const { source, link, watch, says, later } = world(store)
  const start = source.start(new AbortController().signal)
  await settled()
  await link.last().answer({ services: {}, known: ['orders', 'stock'] })
  await start
  const orders = watch('orders')
  await settled()
  assert.deepEqual(orders.ports(), [])
  await link.last().answer({ services: { orders: [at(4009)] }, known: ['orders', 'stock'] })
  assert.deepEqual(orders.ports(), [[4009]])
  await says({ orders: [at(4009)] }, ['orders', 'stock'])
  const stock = watch('stock')
  await settled()
  await later(2999)
  assert.deepEqual(stock.ports(), [])
  await later(1)
  assert.deepEqual(stock.ports(), [[4001, 4002]])
  assert.deepEqual(orders.ports(), [[4009]])
  await source.close()
})

test('FAULTS 20: with nothing kept and a plane that hangs, the start is over in its time', async () => {
  const { source, later, watch } = world()
  let over = false
  const start = source.start(new AbortController().signal).then(() => {
    over = true
  })
  await settled()
  await later(2999)
  assert.equal(over, false)
  await later(1)
  await start
  assert.equal(source.status().source, 'none')
  assert.deepEqual(watch('orders').ports(), [])
  await source.close()
})

test('FAULTS 21: with the plane gone later the last sets stay, their age grows, nothing is told but the error', async () => {
  const { source, link, watch, says, later } = world()
  const orders = watch('orders')
  await settled()
  await says({ orders: ORDERS })
  for (let minute = 0; minute < 10; minute++) {
    await link.last().fail()
    await later(60_000)
  }
  assert.equal(source.status().ageMs, 600_000)
  assert.equal(orders.sets.length, 1)
  assert.deepEqual(watch('orders').ports(), [[4001, 4002]])
  await source.close()
})

test('FAULTS 20: a watch that was told of a failure is told of its end, by the same set where nothing has changed', async () => {
  const { link, watch, says, later } = world()
  const orders = watch('orders')
  await says({ orders: ORDERS }, ['orders'], '"1"')
  for (const end of ['unchanged', 'answered']) {
    await later(15_000)
    await link.last().fail()
    assert.equal(orders.errors.length, end === 'unchanged' ? 1 : 2)
    await later(15_000)
    if (end === 'unchanged') await link.last().unchanged()
    else await link.last().answer({ services: { orders: ORDERS }, known: ['orders'] }, '"1"')
    assert.equal(orders.sets.length, end === 'unchanged' ? 2 : 3)
    assert.equal(orders.sets.at(-1), orders.sets[0])
  }
  await later(15_000)
  await link.last().unchanged()
  assert.equal(orders.sets.length, 3)
})

test('sets are kept when they change, a second later and once, with those of services not watched now', async () => {
  const store = new MemoryState()
  store.put('endpoints.json', {
    savedMs: WALL - 5000,
    services: { billing: [at(1)], gone: [at(2)] },
    known: ['billing', 'gone'],
  })
  const { source, watch, says, later } = world(store)
  const start = source.start(new AbortController().signal)
  watch('orders')
  await settled()
  await says({ orders: [at(3)] }, ['orders', 'billing'])
  await start
  assert.deepEqual(store.writes, [])
  await later(1000)
  assert.deepEqual(store.writes, ['endpoints.json'])
  assert.deepEqual(store.json('endpoints.json').services, { billing: [at(1)], orders: [at(3)] })
  await says({ orders: [at(3)] }, ['orders', 'billing'])
  await later(1000)
  assert.equal(store.writes.length, 1)
  await says({ orders: [at(4)] }, ['orders', 'billing'])
  await source.close()
  assert.deepEqual((store.json('endpoints.json').services as Record<string, unknown>).orders, [at(4)])
})

test('kept endpoints that must not be believed are not used, and said', async () => {
  for (const text of ['{', '{}', { savedMs: 1, services: { orders: [at(0)] }, known: [] }]) {
    const store = new MemoryState()
    store.put('endpoints.json', text)
    const { source, link, logged } = world(store)
    const start = source.start(new AbortController().signal)
    await settled()
    await link.last().answer({ services: {}, known: [] })
    await start
    assert.ok(
      logged.some((line) => line.includes('are not used')),
      JSON.stringify(text),
    )
    await source.close()
  }
})

test('after a stop nothing is told, after close nothing is armed', async () => {
  const { source, clock, watch, says } = world()
  const first = watch('orders')
  const second = watch('orders')
  await settled()
  first.stop()
  await says({ orders: ORDERS })
  assert.deepEqual([first.ports(), second.ports()], [[], [[4001, 4002]]])
  await source.close()
  assert.equal(clock.armed, 0)
})

test('a start that failed may be made again: the plane is followed anew, and who asked for news of names still gets them', async () => {
  const { link, source, watch, says } = world()
  const known: string[][] = []
  source.onKnown?.(() => known.push([...source.known()]))
  const late = new AbortController()
  const failed = source.start(late.signal)
  await settled()
  late.abort(new Error('too late'))
  await assert.rejects(failed, /too late/)
  await source.close()
  assert.equal(link.last().open, false)

  const start = source.start(new AbortController().signal)
  await settled()
  const orders = watch('orders')
  await says({ orders: ORDERS })
  await start
  assert.deepEqual(orders.ports(), [[4001, 4002]])
  assert.deepEqual(known, [['orders']])
  await source.close()
})
