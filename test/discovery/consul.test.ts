import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EndpointSet } from '../../src/core/endpoint.ts'
import { isMeshError } from '../../src/core/errors.ts'
import { ConsulSource } from '../../src/discovery/consul.ts'
import type { IdentityParts } from '../../src/discovery/consul-health.ts'
import { type Lookup, lookupOf } from '../../src/discovery/consul-lookup.ts'
import type { LookupParams } from '../../src/policy/lookup.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { healthEntry } from '../kit/consul-entry.ts'
import { ConsulScript } from '../kit/consul-script.ts'
import { settled } from '../kit/fake-link.ts'
import { MemoryState } from '../kit/memory-state.ts'

const WALL = 1_700_000_000_000
const ORDERS = '/v1/health/connect/orders'
const SERVICES = '/v1/catalog/services'
const three = [healthEntry(4001), healthEntry(4002), healthEntry(4003)]

interface WorldOptions {
  readonly store?: MemoryState
  readonly idOf?: (parts: IdentityParts) => string | undefined
}

function world({ store = new MemoryState(), idOf }: WorldOptions = {}) {
  const link = new ConsulScript()
  const clock = new ManualClock()
  const logged: string[] = []
  const note = (message: string) => logged.push(message)
  const lookups = new Map<string, Lookup>()
  const policy = (service: string, params: Partial<LookupParams>, connect = true) =>
    lookups.set(service, lookupOf(service, params, connect))
  const source = new ConsulSource({
    link,
    store,
    clock,
    wall: () => WALL + clock.now() - 1_000_000,
    random: () => 1,
    log: { debug: note, info: note, warn: note, error: note },
    lookup: (service) => lookups.get(service) ?? lookupOf(service, {}, true),
    idOf,
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
    const said = () =>
      errors.map((error) => (isMeshError(error) ? `${error.code} ${error.message}` : String(error)))
    return { sets, errors, stop, ports, said }
  }
  const later = async (ms: number): Promise<void> => {
    clock.advance(ms)
    await settled()
    await settled()
  }
  /** The agent answers the newest question below a path, which is asked within the limits by now. */
  const says = async (path: string, body: unknown, facts = {}): Promise<void> => {
    for (let waited = 0; !link.last(path).open && waited < 40; waited += 1) await later(500)
    assert.ok(link.last(path).open, `nothing is asked below ${path}`)
    await link.last(path).answer(body, undefined, facts)
    await later(0)
  }
  const started = async (services: object = { consul: [], orders: [] }): Promise<void> => {
    const start = source.start(new AbortController().signal)
    await settled()
    await link.last(SERVICES).answer(services)
    await start
  }
  return { link, clock, store, source, logged, policy, watch, later, says, started }
}

test('one blocking query per service that is called, however many watch it, and none for the others', async () => {
  const { link, source, watch, says, started, later } = world()
  await started({ consul: [], orders: [], stock: [], billing: [] })
  const first = watch('orders')
  const second = watch('orders')
  await settled()
  assert.deepEqual(
    link.asked.map(({ request }) => request.path),
    [SERVICES, ORDERS],
  )
  await says(ORDERS, three)
  assert.deepEqual(second.ports(), first.ports())
  await later(0)
  const blocking = link.all(ORDERS).filter(({ open }) => open)
  assert.equal(blocking.length, 1)
  assert.equal(blocking[0]?.request.index, 3)
  first.stop()
  assert.equal(link.last(ORDERS).open, true)
  second.stop()
  await settled()
  assert.equal(link.last(ORDERS).open, false, 'nobody watches: nothing is asked')
  await source.close()
})

test('lookup decides path and query, and replan asks only those anew that changed', async () => {
  const { link, source, watch, says, policy } = world()
  policy('orders', {
    service: 'orders-v2',
    datacenter: 'dc2',
    filter: 'Service.Meta.version == "2"',
    namespace: 'a',
    partition: 'p',
  })
  policy('stock', {}, false)
  watch('orders')
  watch('stock')
  await settled()
  assert.deepEqual(
    link.asked.map(({ request: { path, query } }) => [path, query]),
    [
      [
        '/v1/health/connect/orders-v2',
        { dc: 'dc2', ns: 'a', partition: 'p', filter: 'Service.Meta.version == "2"' },
      ],
      ['/v1/health/service/stock', { dc: undefined, ns: undefined, partition: undefined, filter: undefined }],
    ],
  )
  await says('/v1/health/service/stock', [healthEntry(1, { native: false })])
  const before = link.asked.length
  source.replan()
  await settled()
  assert.equal(link.all('/v1/health/connect').length, 1)
  policy('orders', {})
  source.replan()
  await settled()
  assert.equal(link.last(ORDERS).request.index, undefined)
  assert.equal(link.asked.length, before + 1, 'orders anew, and not stock')
  await source.close()
})

test('a lookup that only judges otherwise is answered at once, from the start', async () => {
  const { link, source, watch, says, policy, later } = world()
  const { ports } = watch('orders')
  await settled()
  const all = [healthEntry(1), healthEntry(2, { status: 'warning' }), healthEntry(3, { status: 'critical' })]
  await says(ORDERS, all)
  await later(0)
  policy('orders', { onlyPassing: true })
  source.replan()
  await settled()
  assert.equal(link.last(ORDERS).request.index, undefined)
  await link.last(ORDERS).answer(all, 2)
  await later(0)
  assert.deepEqual(ports(), [[1, 2], [1]])
  await source.close()
})

test('what leaves is told at once; what only comes is told every 100 ms at the most', async () => {
  const { source, watch, says, later } = world()
  const { ports } = watch('orders')
  await settled()
  const [one, two, last] = three
  const more = [healthEntry(4004), healthEntry(4005), healthEntry(4006)]
  await says(ORDERS, [one, two])
  assert.deepEqual(ports(), [[4001, 4002]], 'the first set is told at once')
  await later(30)
  await says(ORDERS, [one, two, last])
  assert.equal(ports().length, 1)
  await later(30)
  await says(ORDERS, [one, two, last, more[0]])
  assert.equal(ports().length, 1)
  await later(40)
  assert.deepEqual(ports().at(-1), [4001, 4002, 4003, 4004], '100 ms after the last set was told')
  assert.equal(ports().length, 2)
  await later(100)
  await says(ORDERS, [one, two, last, ...more.slice(0, 2)])
  assert.equal(ports().length, 3, 'one that comes alone does not wait')
  await says(ORDERS, [one, two, last, ...more])
  assert.equal(ports().length, 3)
  await says(ORDERS, [one, last, ...more])
  assert.deepEqual(ports().at(-1), [4001, 4003, 4004, 4005, 4006], 'together with the one that leaves')
  await says(ORDERS, [one, last, ...more, two])
  await says(ORDERS, [one, last, ...more])
  await later(1000)
  assert.equal(ports().length, 4, 'what came and went again within the wait was never told')
  await source.close()
})

test('sets are told in the same order, whichever server answers, and the same set is told once', async () => {
  const { source, watch, says } = world()
  const { ports } = watch('orders')
  await settled()
  await says(ORDERS, [three[2], three[0], three[1]])
  await says(ORDERS, [three[1], three[2], three[0]])
  assert.deepEqual(ports(), [[4001, 4002, 4003]])
  await source.close()
})

test('FAULTS 24: an empty answer after 3 instances is held, asked of the leader 2 times, and believed after 5 s', async () => {
  const { link, source, watch, says, later } = world()
  const { ports, said } = watch('orders')
  await settled()
  await says(ORDERS, three)
  await says(ORDERS, [])
  assert.deepEqual(said(), [
    'TULLE_CONSUL orders: Consul says that it has no instances, after 3: they stay in use until that is confirmed (was the ACL token lost?)',
  ])
  assert.match(source.status().problem ?? '', /was the ACL token lost/)
  const confirm = async () => {
    await later(2500)
    assert.equal(link.last(ORDERS).request.consistency, 'default')
    assert.equal(link.last(ORDERS).request.index, undefined)
    await link.last(ORDERS).answer([])
    await link.last(SERVICES).answer({ consul: [] })
    await later(0)
    await link.last('/v1/catalog/nodes').answer([1])
    await later(0)
  }
  await confirm()
  assert.equal(ports().length, 1)
  await confirm()
  assert.deepEqual(ports(), [[4001, 4002, 4003], []])
  assert.equal(source.status().problem, undefined)
  assert.equal(said().length, 1)
  await source.close()
})

test('FAULTS 24: 0 instances are lost for an hour while the token sees no service at all; then it is replaced', async () => {
  const { link, source, watch, says, later } = world()
  const { ports, said } = watch('orders')
  await settled()
  await says(ORDERS, three)
  await says(ORDERS, [])
  for (let minute = 0; minute < 60; minute += 1) {
    await later(60_000)
    for (const asked of link
      .all(ORDERS)
      .filter(({ open, request }) => open && request.consistency !== undefined))
      await asked.answer([])
    for (const asked of link.all(SERVICES).filter(({ open }) => open)) await asked.answer({})
    for (const asked of link.all(ORDERS).filter(({ open, request }) => open && request.index !== undefined))
      await asked.answer([])
    await later(0)
  }
  assert.equal(ports().length, 1)
  assert.match(said()[1] ?? '', /the ACL token sees no service in Consul at all/)
  assert.equal(said().length, 2, 'said once')
  assert.ok(link.all(SERVICES).length <= 125, `${link.all(SERVICES).length} looks in an hour`)
  await says(ORDERS, three)
  assert.deepEqual(
    ports(),
    [
      [4001, 4002, 4003],
      [4001, 4002, 4003],
    ],
    'told again: it is over',
  )
  assert.equal(source.status().problem, undefined)
  await source.close()
})

test('FAULTS 24: an answer that Consul itself calls filtered by ACLs is never believed to be empty', async () => {
  const { link, source, watch, says, later } = world()
  const { ports } = watch('orders')
  await settled()
  await says(ORDERS, three)
  await says(ORDERS, [], { filtered: true })
  for (let look = 0; look < 10; look += 1) {
    await later(30_000)
    await link.last(ORDERS).answer([], undefined, { filtered: true })
    await later(0)
  }
  assert.equal(ports().length, 1)
  await source.close()
})

test('where every instance is critical all are called, and it is said, until one is well again', async () => {
  const { source, watch, says } = world()
  const { ports, errors } = watch('orders')
  await settled()
  await says(ORDERS, three)
  await says(ORDERS, [healthEntry(4001, { status: 'critical', index: 20 })])
  assert.deepEqual(ports().at(-1), [4001])
  assert.match(
    String(errors.at(-1)),
    /orders: in Consul all 1 instances are critical; they are called all the same/,
  )
  await says(ORDERS, [
    healthEntry(4001, { status: 'critical', index: 20 }),
    healthEntry(4002, { status: 'passing', index: 30 }),
  ])
  assert.deepEqual(ports().at(-1), [4002])
  assert.equal(source.status().problem, undefined)
  await says(ORDERS, [healthEntry(4002, { status: 'maintenance', index: 40 })])
  assert.deepEqual(ports().at(-1), [], 'what an operator took out is not called')
  await source.close()
})

test('an empty first answer is believed, unless an earlier run kept instances of it', async () => {
  const { source, watch, says } = world()
  const { ports } = watch('orders')
  await settled()
  await says(ORDERS, [])
  assert.deepEqual(ports(), [[]])
  await source.close()
})

test('FAULTS 20: with the agent away a start takes at most 3 s and uses what was kept; what it says then is what counts', async () => {
  const { source: before, watch: observe, says: told, started, store, later: wait } = world()
  await started()
  observe('orders')
  await settled()
  await told(ORDERS, three)
  await wait(1000)
  await before.close()
  const { link, source, watch, later, clock, says } = world({ store })
  const start = source.start(new AbortController().signal)
  await settled()
  await link.last(SERVICES).fail()
  await start
  assert.deepEqual(source.known(), ['orders'])
  const { ports, said } = watch('orders')
  await settled()
  await link.last(ORDERS).fail()
  assert.deepEqual(ports(), [[4001, 4002, 4003]])
  assert.match(said()[0] ?? '', /^TULLE_CONSUL no Consul agent at http:\/\/127\.0\.0\.1:8500/)
  assert.equal(source.status().source, 'kept')
  assert.match(source.status().problem ?? '', /no Consul agent at/)
  await later(60_000)
  assert.ok((source.status().ageMs ?? 0) >= 50_000, 'its age is told')
  await says(ORDERS, [three[0]])
  assert.deepEqual(ports().at(-1), [4001])
  await says(SERVICES, { consul: [], orders: [] })
  assert.deepEqual(source.status(), { source: 'consul', ageMs: source.status().ageMs, problem: undefined })
  await source.close()
  assert.equal(clock.armed, 0)
})

test('FAULTS 20: without anything kept a start ends after 3 s, and status and watches name address and cause', async () => {
  const { link, source, watch, later, clock } = world()
  let over = false
  const start = source.start(new AbortController().signal).then(() => {
    over = true
  })
  await settled()
  await link.last(SERVICES).fail()
  await later(2999)
  assert.equal(over, false)
  await later(1)
  await start
  const { said, ports } = watch('orders')
  await settled()
  await link.last(ORDERS).fail()
  assert.deepEqual(ports(), [])
  assert.match(said()[0] ?? '', /no Consul agent at http:\/\/127\.0\.0\.1:8500/)
  assert.deepEqual(source.status(), {
    source: 'none',
    ageMs: undefined,
    problem: 'no Consul agent at http://127.0.0.1:8500',
  })
  await source.close()
  assert.equal(clock.armed, 0)
})

test('FAULTS 21: an agent that goes away for 10 minutes loses no endpoint, and the age of what is used grows', async () => {
  const { link, source, watch, says, later } = world()
  const { ports } = watch('orders')
  await settled()
  await says(ORDERS, three)
  await later(0)
  for (let second = 0; second < 600; second += 1) {
    for (const asked of link.all().filter(({ open }) => open)) await asked.fail()
    await later(1000)
  }
  assert.deepEqual(ports(), [[4001, 4002, 4003]])
  assert.ok((source.status().ageMs ?? 0) >= 599_000)
  assert.match(source.status().problem ?? '', /no Consul agent at/)
  await says(ORDERS, three)
  assert.equal(source.status().problem, undefined)
  await source.close()
})

test('FAULTS 26: an answer with any mistake is refused whole, with its place; the last good set stays and is asked for again', async () => {
  const { link, source, watch, says, later } = world()
  const { ports, said } = watch('orders')
  await settled()
  await says(ORDERS, three)
  await says(ORDERS, [...three, healthEntry(0, { port: 0 })])
  assert.match(said()[0] ?? '', /TULLE_CONSUL .*the last good ones stay: \[3\]\.Service\.Port: /)
  assert.deepEqual(ports(), [[4001, 4002, 4003]])
  await later(250)
  assert.equal(link.last(ORDERS).request.index, undefined, 'from the start')
  await says(ORDERS, three)
  assert.equal(ports().length, 2)
  assert.equal(source.status().problem, undefined)
  await source.close()
})

test('what Consul refuses of a lookup is named: the filter, the datacenter', async () => {
  const { link, source, watch, policy } = world()
  policy('orders', { filter: 'Servce.Meta == 3', datacenter: 'dc9' })
  const { said } = watch('orders')
  await settled()
  await link
    .last(ORDERS)
    .refuse(400, 'Failed to create boolean expression evaluator: Selector "Servce" is not valid')
  assert.match(said()[0] ?? '', /Consul refused the filter "Servce\.Meta == 3" of orders \(400: Failed/)
  policy('orders', { datacenter: 'dc9' })
  source.replan()
  await settled()
  await link.last(ORDERS).refuse(500, 'No path to datacenter')
  assert.match(said()[1] ?? '', /the agent knows no way to the datacenter dc9 of orders/)
  await source.close()
})

test('FAULTS 30: an address that moves to another service leaves the one and joins the other', async () => {
  const { source, watch, says } = world()
  const orders = watch('orders')
  const stock = watch('stock')
  await settled()
  await says(ORDERS, three)
  await says('/v1/health/connect/stock', [])
  await says(ORDERS, three.slice(1))
  await says('/v1/health/connect/stock', [three[0]])
  assert.deepEqual(orders.ports().at(-1), [4002, 4003])
  assert.deepEqual(stock.ports().at(-1), [4001])
  await source.close()
})

test('who is called in another datacenter, or under another name, must prove to be that', async () => {
  const idOf = ({ namespace, datacenter, service }: IdentityParts) =>
    `spiffe://td/ns/${namespace}/dc/${datacenter}/svc/${service}`
  const { source, watch, says, policy, link } = world({ idOf })
  policy('stock', { service: 'depot' })
  const [remote, other, own] = [watch('orders.dc2'), watch('stock'), watch('billing')]
  await settled()
  assert.equal(link.last(ORDERS).request.query?.dc, 'dc2')
  await says(ORDERS, [healthEntry(1, { datacenter: 'dc2' })])
  await says('/v1/health/connect/depot', [healthEntry(2)])
  await says('/v1/health/connect/billing', [healthEntry(3)])
  const identity = (watched: typeof own) => watched.sets[0]?.endpoints[0]?.identity
  assert.equal(identity(remote), 'spiffe://td/ns/default/dc/dc2/svc/orders')
  assert.equal(identity(other), 'spiffe://td/ns/default/dc/dc1/svc/depot')
  assert.equal(identity(own), undefined)
  await source.close()
})
