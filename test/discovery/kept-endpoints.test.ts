import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeptEndpoints } from '../../src/discovery/kept-endpoints.ts'
import { PLANE_KEPT } from '../../src/discovery/plane-sets.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { MemoryState } from '../kit/memory-state.ts'

const at = (port: number) => [{ address: '10.0.0.1', port }]

function world(store = new MemoryState()) {
  const clock = new ManualClock()
  const logged: string[] = []
  const note = (message: string): void => void logged.push(message)
  const log = { debug: note, info: note, warn: note, error: note }
  return {
    store,
    clock,
    logged,
    kept: new KeptEndpoints(PLANE_KEPT, store, clock, () => 1000 + clock.now(), log),
  }
}

test('processes that share a folder keep what each of them calls', async () => {
  const { store, kept: one } = world()
  const { kept: other } = world(store)
  for (const kept of [one, other]) await kept.load()
  one.keep({ stock: at(1) }, ['orders', 'stock'])
  other.keep({ orders: at(2) }, ['orders', 'stock'])
  await one.close()
  await other.close()
  assert.deepEqual(store.json('endpoints.json').services, { stock: at(1), orders: at(2) })
})

test('of two that know a service the later one says what it is, and one that is gone is kept by nobody', async () => {
  const { store, kept: one } = world()
  const { kept: other } = world(store)
  one.keep({ stock: at(1), old: at(3) }, ['old', 'stock'])
  await one.close()
  other.keep({ stock: at(9) }, ['stock'])
  await other.close()
  assert.deepEqual(store.json('endpoints.json').services, { stock: at(9) })
})

test('what cannot be believed is said, not used, and written anew', async () => {
  const { store, kept, logged } = world()
  store.put('endpoints.json', '{"services":')
  await kept.load()
  assert.equal(kept.current, undefined)
  assert.match(logged[0] ?? '', /the endpoints kept in the memory of the test are not used/)
  kept.keep({ stock: at(1) }, ['stock'])
  await kept.close()
  assert.deepEqual(store.json('endpoints.json').services, { stock: at(1) })
})

test('a burst of changes is one write, and the same content none', async () => {
  const { store, kept, clock } = world()
  for (const port of [1, 2, 3]) kept.keep({ stock: at(port) }, ['stock'])
  clock.advance(1000)
  await kept.close()
  kept.keep({ stock: at(3) }, ['stock'])
  await kept.close()
  assert.deepEqual(store.writes, ['endpoints.json'])
})

test('what an endpoint speaks is known after a restart', async () => {
  const { store, kept } = world()
  const services = { stock: [{ address: '10.0.0.1', port: 1, protocol: 'grpc', mtls: 'strict' }] }
  kept.keep(services, ['stock'])
  await kept.close()
  const { kept: next } = world(store)
  await next.load()
  const [spec] = next.current?.sets.services.get('stock')?.endpoints ?? []
  assert.deepEqual([spec?.protocol, spec?.mtls], ['grpc', 'strict'])
})
