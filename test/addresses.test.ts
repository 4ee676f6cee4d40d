import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Addresses } from '../src/addresses.ts'
import type { EndpointSet } from '../src/core/endpoint.ts'
import type { ServicePlan } from '../src/core/plan.ts'
import type { Source } from '../src/discovery/source.ts'
import { Endpoints } from '../src/endpoints/registry.ts'
import { builtInPlan } from '../src/policy/compile.ts'
import { policyPieces } from '../src/stack.ts'
import { ManualClock } from '../src/testing/manual-clock.ts'
import { Journal } from './kit/builders.ts'
import { seeded } from './kit/random.ts'

type Tell = { set(set: EndpointSet): void; error(error: unknown): void }

class HandSource implements Source {
  readonly name = 'hand'
  readonly watched = new Map<string, Tell>()
  watch(service: string, onSet: (set: EndpointSet) => void, onError: (error: unknown) => void): () => void {
    this.watched.set(service, { set: onSet, error: onError })
    return () => this.watched.delete(service)
  }
  known(): readonly string[] {
    return []
  }
  async close(): Promise<void> {}
}

const at = (...ports: number[]): EndpointSet => ({
  endpoints: ports.map((port) => ({ address: '127.0.0.1', port })),
})
const plan = (service: string, set: EndpointSet = at()): ServicePlan => {
  const built = builtInPlan(service, policyPieces)
  return { ...built, endpoints: set.endpoints, route: (method, path) => built.route(method, path) }
}

const world = async (...plans: ServicePlan[]) => worldOf(new HandSource(), ...plans)

const worldOf = async (source: HandSource, ...plans: ServicePlan[]) => {
  const endpoints = new Endpoints({
    clock: new ManualClock(),
    random: seeded(1),
    events: new Journal(),
    reopenOn: [],
    open: () => assert.fail('nothing is picked here'),
    wanted: (service) => addresses.want(service),
  })
  const addresses = new Addresses(source, endpoints, { debug() {}, info() {}, warn() {}, error() {} })
  for (const each of plans) endpoints.reconcile(each)
  await addresses.start(new AbortController().signal)
  const ports = (service: string): number[] | undefined => {
    const table = endpoints.get(service)
    return table?.ready ? table.endpoints.map(({ port }) => port) : undefined
  }
  return { source, addresses, endpoints, ports }
}

test('what discovery knows is used, and followed', async () => {
  const { source, ports } = await world(plan('orders'))
  assert.equal(ports('orders'), undefined, 'callers wait for the first set')
  source.watched.get('orders')!.set(at(1, 2))
  assert.deepEqual(ports('orders'), [1, 2])
  source.watched.get('orders')!.set(at(2))
  assert.deepEqual(ports('orders'), [2])
})

test('addresses of the policy serve until discovery knows better, and again when it knows nothing', async () => {
  const { source, ports } = await world(plan('orders', at(9)))
  assert.deepEqual(ports('orders'), [9])
  source.watched.get('orders')!.set(at(1))
  assert.deepEqual(ports('orders'), [1])
  source.watched.get('orders')!.set(at())
  assert.deepEqual(ports('orders'), [9])
})

test('an error of discovery keeps the last set and is named until the next good answer', async () => {
  const { source, addresses, ports } = await world(plan('orders'))
  source.watched.get('orders')!.set(at(1))
  source.watched.get('orders')!.error(new Error('registry unreachable'))
  assert.deepEqual(ports('orders'), [1])
  assert.deepEqual(addresses.problems, ['orders: registry unreachable'])
  source.watched.get('orders')?.error(new Error('orders: none to be seen'))
  assert.deepEqual(addresses.problems, ['orders: none to be seen'], 'named once')
  source.watched.get('orders')!.set(at(1))
  assert.deepEqual(addresses.problems, [])
})

test('a new policy brings its services and its addresses; what it drops is forgotten', async () => {
  const { source, addresses, endpoints, ports } = await world(plan('orders', at(9)))
  const next = [plan('orders', at(8)), plan('stock', at(7))]
  for (const each of next) endpoints.reconcile(each)
  addresses.follow(new Map(next.map((each) => [each.service, each])))
  assert.deepEqual([ports('orders'), ports('stock')], [[8], [7]])
  addresses.follow(new Map([['stock', next[1]!]]))
  assert.deepEqual([...source.watched.keys()], ['stock'])
  await addresses.close()
  assert.equal(source.watched.size, 0)
})

class LazySource extends HandSource {
  readonly lazy = true
}

test('of a lazy source only what is called is asked for', async () => {
  const { source, addresses, endpoints, ports } = await worldOf(
    new LazySource(),
    plan('orders'),
    plan('stock'),
  )
  assert.deepEqual([...source.watched.keys()], [])
  let came = 0
  endpoints.get('orders')!.onReady(() => came++)
  assert.deepEqual([...source.watched.keys()], ['orders'])
  assert.equal(addresses.follows('orders'), true)
  assert.equal(addresses.follows('stock'), false)
  source.watched.get('orders')!.set(at(1))
  assert.equal(came, 1)
  assert.deepEqual(ports('orders'), [1])
  addresses.follow(new Map([['stock', plan('stock')]]))
  assert.deepEqual([...source.watched.keys()], [], 'what the policy forgets is asked for no more')
})

test('a lazy source is started before anything is asked of it', async () => {
  const source = new LazySource()
  let begun: () => void = () => {}
  Object.assign(source, {
    start: () =>
      new Promise<void>((resolve) => {
        begun = resolve
      }),
  })
  const starting = worldOf(source, plan('orders'))
  assert.deepEqual([...source.watched.keys()], [])
  begun()
  const { endpoints } = await starting
  endpoints.get('orders')!.onReady(() => {})
  assert.deepEqual([...source.watched.keys()], ['orders'])
})
