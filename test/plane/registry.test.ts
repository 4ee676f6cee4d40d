import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EndpointWire } from '../../src/core/plane-wire.ts'
import { Refusal } from '../../src/plane/refusal.ts'
import { Registry, type RegistryOptions } from '../../src/plane/registry.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { MemoryStore } from '../kit/memory-store.ts'

const log = { debug() {}, info() {}, warn() {}, error() {} }
const at = (port: number, more: Partial<EndpointWire> = {}): EndpointWire => ({
  address: '10.0.0.1',
  port,
  ...more,
})

function registry(options: Partial<RegistryOptions> = {}) {
  const clock = new ManualClock()
  const store = new MemoryStore()
  const made = new Registry({ store, clock, log, epoch: 'e', ...options })
  return { clock, store, registry: made }
}

const told = (
  of: Registry,
  ...services: string[]
): { services: Record<string, EndpointWire[]>; known: string[] } => JSON.parse(of.json(services))
const refused = (kind: string) => (error: unknown) => error instanceof Refusal && error.kind === kind

test('an instance is there with its metadata once its registration is durable', async () => {
  const { registry: plane, store } = registry()
  const endpoint = at(1, { zone: 'a', version: '2', weight: 3 })
  await plane.register('one', { service: 'orders', endpoints: [endpoint] })
  assert.deepEqual(told(plane, 'orders', 'unheard-of'), {
    services: { orders: [endpoint], 'unheard-of': [] },
    known: ['orders'],
  })
  assert.equal(store.content.size, 1)
})

test('what could not be kept is not told to anybody', async () => {
  const { registry: plane, store } = registry()
  store.failure = new Error('full')
  await assert.rejects(plane.register('one', { service: 'orders', endpoints: [at(1)] }), /full/)
  assert.deepEqual(told(plane, 'orders').known, [])
  assert.equal(plane.size, 0)
})

test('a registration replaces what the instance registered before', async () => {
  const { registry: plane } = registry()
  await plane.register('one', { service: 'orders', endpoints: [at(1), at(2)] })
  await plane.register('one', { service: 'orders', endpoints: [at(2), at(3)] })
  assert.deepEqual(
    told(plane, 'orders').services.orders?.map(({ port }) => port),
    [2, 3],
  )
})

test('four workers on one port are one endpoint, there until the last is gone', async () => {
  const { registry: plane } = registry()
  for (const worker of ['a', 'b', 'c', 'd'])
    await plane.register(worker, { service: 'orders', endpoints: [at(1)] })
  assert.equal(told(plane, 'orders').services.orders?.length, 1)
  assert.equal(plane.services().orders?.[0]?.instances, 4)
  const before = plane.etag(['orders'])
  for (const worker of ['a', 'b', 'c']) await plane.deregister(worker)
  assert.equal(plane.etag(['orders']), before)
  assert.equal(told(plane, 'orders').services.orders?.length, 1)
  await plane.deregister('d')
  assert.deepEqual(told(plane, 'orders'), { services: { orders: [] }, known: [] })
})

test('where the holders of an endpoint disagree, who came last is believed, and then who is left', async () => {
  const { registry: plane } = registry()
  await plane.register('old', { service: 'orders', endpoints: [at(1, { weight: 1 })] })
  await plane.register('new', { service: 'orders', endpoints: [at(1, { weight: 2 })] })
  assert.equal(told(plane, 'orders').services.orders?.[0]?.weight, 2)
  await plane.deregister('new')
  assert.equal(told(plane, 'orders').services.orders?.[0]?.weight, 1)
})

test('who is not heard of for a TTL is taken out, and its registration removed', async () => {
  const { registry: plane, clock, store } = registry()
  await plane.register('one', { service: 'orders', endpoints: [at(1)] })
  await plane.register('two', { service: 'orders', endpoints: [at(2)] })
  clock.advance(6000)
  assert.equal(plane.heartbeat('one'), true)
  clock.advance(4200)
  assert.deepEqual(
    told(plane, 'orders').services.orders?.map(({ port }) => port),
    [1],
  )
  assert.equal(plane.heartbeat('two'), false)
  clock.advance(6000)
  assert.equal(plane.size, 0)
  await plane.close()
  assert.equal(store.content.size, 0)
  assert.equal(clock.armed, 0)
})

test('heartbeats write nothing, and one timer serves any number of instances', async () => {
  const { registry: plane, clock, store } = registry({ settleMs: 0 })
  for (let i = 0; i < 300; i++) await plane.register(`i${i}`, { service: 'orders', endpoints: [at(i + 1)] })
  store.failure = new Error('nothing may be written')
  for (let round = 0; round < 10; round++) {
    clock.advance(3000)
    for (let i = 0; i < 300; i++) assert.ok(plane.heartbeat(`i${i}`))
    assert.ok(clock.armed <= 1)
  }
  assert.equal(plane.size, 300)
})

test('after a restart everybody known is there and has one TTL to be heard of', async () => {
  const { registry: first, store } = registry()
  await first.register('one', { service: 'orders', endpoints: [at(1)] })
  await first.register('two', { service: 'orders', endpoints: [at(2)] })
  const before = first.etag(['orders'])
  await first.close()
  const clock = new ManualClock()
  const again = new Registry({ store, clock, log, epoch: 'f' })
  await again.load()
  assert.equal(told(again, 'orders').services.orders?.length, 2)
  assert.notEqual(again.etag(['orders']), before)
  clock.advance(9000)
  assert.equal(again.heartbeat('one'), true)
  clock.advance(1100)
  assert.equal(told(again, 'orders').services.orders?.length, 1)
})

test('a registration that cannot be read is left out, the others are there', async () => {
  const { registry: first, store } = registry()
  await first.register('one', { service: 'orders', endpoints: [at(1)] })
  await first.register('two', { service: 'orders', endpoints: [at(2)] })
  const [key = ''] = store.content.keys()
  store.content.set(
    key,
    new TextEncoder().encode('{"name":"one","service":"orders","endpoints":[{"port":0}]}'),
  )
  const again = new Registry({ store, clock: new ManualClock(), log, epoch: 'f' })
  await again.load()
  assert.equal(again.size, 1)
})

test('where the plane itself has slept, nobody is taken out for it', async () => {
  const clock = new ManualClock()
  let slept = 0
  const sleepy = {
    now: () => clock.now() + slept,
    after: clock.after.bind(clock),
    background: clock.background.bind(clock),
  }
  const plane = new Registry({ store: new MemoryStore(), clock: sleepy, log, epoch: 'e' })
  await plane.register('one', { service: 'orders', endpoints: [at(1)] })
  slept = 60_000
  clock.advance(10_000)
  assert.equal(plane.size, 1)
  clock.advance(10_000)
  assert.equal(plane.size, 0)
})

test('an ETag changes when a service that was asked for changes, or the names do, and else never', async () => {
  const { registry: plane } = registry()
  await plane.register('one', { service: 'orders', endpoints: [at(1)] })
  await plane.register('two', { service: 'users', endpoints: [at(2)] })
  const [orders, users] = [plane.etag(['orders']), plane.etag(['users'])]
  await plane.register('three', { service: 'users', endpoints: [at(3)] })
  assert.equal(plane.etag(['orders']), orders)
  assert.notEqual(plane.etag(['users']), users)
  await plane.register('three', { service: 'users', endpoints: [at(3)] })
  plane.heartbeat('three')
  const seen = new Set([plane.etag(['orders'])])
  await plane.register('four', { service: 'stock', endpoints: [at(4)] })
  seen.add(plane.etag(['orders']))
  await plane.deregister('four')
  seen.add(plane.etag(['orders']))
  assert.equal(seen.size, 3)
})

test('whoever waits is woken once for a burst of changes of its services, and not for others', async () => {
  const { registry: plane, clock } = registry()
  await plane.register('one', { service: 'orders', endpoints: [at(1)] })
  await plane.register('two', { service: 'users', endpoints: [at(2)] })
  clock.advance(25)
  const woken: string[] = []
  plane.onChange(['orders'], () => woken.push('orders'))
  plane.onChange(['users'], () => woken.push('users'))
  const gone = plane.onChange(['users'], () => woken.push('gone'))
  gone()
  for (let i = 0; i < 10; i++) await plane.register(`u${i}`, { service: 'users', endpoints: [at(10 + i)] })
  clock.advance(24)
  assert.deepEqual(woken, [])
  clock.advance(1)
  assert.deepEqual(woken, ['users'])
  clock.advance(1000)
  assert.deepEqual(woken, ['users'])
})

test('an instance is of one service; limits and names are kept', async () => {
  const { registry: plane } = registry({ maxInstances: 2, maxServices: 1 })
  await plane.register('one', { service: 'orders', endpoints: [at(1)] })
  await assert.rejects(plane.register('one', { service: 'users', endpoints: [] }), refused('forbidden'))
  await assert.rejects(
    plane.register('two', { service: 'users', endpoints: [at(2)] }),
    refused('rate-limited'),
  )
  await plane.register('two', { service: 'orders', endpoints: [at(2)] })
  await assert.rejects(plane.register('three', { service: 'orders', endpoints: [] }), refused('rate-limited'))
  await assert.rejects(plane.register('../x', { service: 'orders', endpoints: [] }), refused('malformed'))
  await plane.register('one', { service: 'orders', endpoints: [at(9)] })
})

test('a registration and a deregistration of one instance take effect in the order they were asked for', async () => {
  const { registry: plane } = registry()
  await Promise.all([
    plane.register('one', { service: 'orders', endpoints: [at(1)] }),
    plane.deregister('one'),
    plane.register('one', { service: 'orders', endpoints: [at(2)] }),
  ])
  assert.deepEqual(
    told(plane, 'orders').services.orders?.map(({ port }) => port),
    [2],
  )
})

test('no service takes so much that others find no room, or that its callers could not be told of it', async () => {
  const { registry: plane } = registry({ maxInstances: 3, maxInstancesOfService: 2 })
  for (const name of ['a', 'b']) await plane.register(name, { service: 'orders', endpoints: [at(1)] })
  await assert.rejects(plane.register('c', { service: 'orders', endpoints: [] }), refused('rate-limited'))
  await plane.register('c', { service: 'users', endpoints: [at(2)] })
  await plane.deregister('a')
  await plane.deregister('c')
  await plane.register('d', { service: 'orders', endpoints: [at(1)] })
  const wordy = { ...at(1), more: 'x'.repeat(2000) } as EndpointWire
  await assert.rejects(plane.register('d', { service: 'orders', endpoints: [wordy] }), refused('too-large'))
})

test('of one service there are never more endpoints than a client takes in one answer', async () => {
  const { registry: plane } = registry()
  const set = (from: number) => Array.from({ length: 5000 }, (_, n) => at(from + n))
  await plane.register('a', { service: 'orders', endpoints: set(1) })
  await plane.register('b', { service: 'orders', endpoints: set(5001) })
  await plane.register('b', { service: 'orders', endpoints: set(5001) })
  await assert.rejects(
    plane.register('c', { service: 'orders', endpoints: [at(20_000)] }),
    refused('rate-limited'),
  )
  await plane.register('c', { service: 'users', endpoints: [at(20_000)] })
  assert.ok(plane.json(['orders']).length < 32 * 1024 * 1024)
})
