import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Snapshot } from '../../src/core/plan.ts'
import { BUILT_IN, builtInPlan, compile } from '../../src/policy/compile.ts'
import { goodPolicy, PIECES } from '../kit/policy.ts'

const GENERAL = 'version: 1\ndefaults: { timeout: 15s, retry: { limit: 1 }, fuse: { minimum: 7 } }\n'
const ORDERS = `
version: 1
services:
  orders:
    hosts: [orders.internal:8080]
    endpoints: [127.0.0.1:4001]
    retry: { backoff: { base: 10ms } }
    routes:
      - match: { path: /v1/** , method: [GET] }
        timeout: 2s
        retry: { limit: 3 }
      - match: { path: /payments/**, method: [POST] }
        idempotent: true
        cancel: none
      - match: { path: /reports/** }
        retry: false
`
const general = goodPolicy(GENERAL, 'defaults.yaml')
const orders = goodPolicy(ORDERS, 'orders.yaml')
const build = (...documents: Parameters<typeof compile>[0][]): Snapshot =>
  compile(
    documents.flatMap((list) => [...list]),
    PIECES,
    { version: 'v' },
  ).snapshot

test('each route has the merged parameters of every level', () => {
  const plan = build([general, orders]).services.get('orders')!
  const read = plan.route('GET', '/v1/items')
  assert.equal(read.name, 'orders.routes[0]')
  assert.equal(read.params.timeout, 2000)
  const { limit, backoff } = read.params.retry as { limit: number; backoff: object }
  assert.deepEqual([limit, backoff], [3, { base: 10, max: 250 }])
  assert.equal(plan.route('GET', '/reports/1').params.retry, false)
  assert.equal(plan.route('GET', '/reports/1').params.timeout, 15_000)
  assert.deepEqual(plan.params.fuse, { threshold: 0.5, minimum: 7, openFor: 10_000 })
  assert.equal(plan.params.balance, 'peak-ewma')
})

test('what no route matches is the catch-all, named like the service, and last', () => {
  const plan = build([general, orders]).services.get('orders')!
  const rest = plan.route('DELETE', '/v1/items')
  assert.equal(rest.name, 'orders')
  assert.equal(rest, plan.routes.at(-1))
  assert.equal(rest.params.timeout, 15_000)
  assert.deepEqual(
    plan.routes.map(({ name }) => name),
    ['orders.routes[0]', 'orders.routes[1]', 'orders.routes[2]', 'orders'],
  )
})

test('a route carries what a seam must know before any layer runs', () => {
  const plan = build([orders]).services.get('orders')!
  const traits = (method: string, path: string): unknown[] => {
    const { replayBytes, idempotent, cancel } = plan.route(method, path)
    return [replayBytes, idempotent, cancel]
  }
  assert.deepEqual(traits('POST', '/payments/1'), [undefined, true, 'none'])
  assert.deepEqual(traits('POST', '/reports/1'), [0, false, undefined])
  assert.deepEqual(traits('POST', '/'), [undefined, false, undefined])
})

test('hosts, addresses and everything below them are in the snapshot, frozen', () => {
  const snapshot = build([orders])
  const plan = snapshot.services.get('orders')!
  assert.equal(snapshot.hosts.get('orders.internal:8080'), plan)
  assert.deepEqual(plan.endpoints, [{ address: '127.0.0.1', port: 4001 }])
  for (const thing of [
    snapshot,
    plan,
    plan.params,
    plan.params.retry,
    plan.routes,
    plan.routes[0],
    plan.endpoints[0],
    plan.routes[0]?.match,
  ])
    assert.ok(Object.isFrozen(thing))
})

test('a service known only from discovery has a plan: defaults over built-in', () => {
  const { snapshot } = compile([general], PIECES, { version: 'v', knownServices: ['stock'] })
  const stock = snapshot.services.get('stock')!
  assert.equal(stock.params.timeout, 15_000)
  assert.equal(stock.version, general.version)
  const bare = compile([], PIECES, { version: 'v', knownServices: ['stock'] }).snapshot.services.get('stock')!
  assert.equal(bare.version, BUILT_IN)
  assert.deepEqual(bare.params, builtInPlan('stock', PIECES).params)
  assert.equal(bare.params.fuse, undefined)
})

test('a plan is the same object as long as neither its document nor the defaults changed', () => {
  const stock = goodPolicy('version: 1\nservices: { stock: {} }\n', 'stock.yaml')
  const first = build([general, orders, stock])
  const again = compile([general, orders, stock], PIECES, { version: 'v', previous: first }).snapshot
  assert.equal(again.services.get('orders'), first.services.get('orders'))
  const edited = goodPolicy(ORDERS.replace('2s', '3s'), 'orders.yaml')
  const next = compile([general, edited, stock], PIECES, { version: 'w', previous: first }).snapshot
  assert.notEqual(next.services.get('orders'), first.services.get('orders'))
  assert.equal(next.services.get('stock'), first.services.get('stock'))
  const other = goodPolicy(GENERAL.replace('15s', '16s'), 'defaults.yaml')
  const all = compile([other, edited, stock], PIECES, { version: 'x', previous: next }).snapshot
  assert.notEqual(all.services.get('stock'), next.services.get('stock'))
  assert.equal(all.services.get('stock')?.params.timeout, 16_000)
})

test('a route names the version of the document it came from, and of the defaults', () => {
  const route = build([general, orders]).services.get('orders')!.route('GET', '/')
  assert.equal(route.policyVersion, `${orders.version}+${general.version}`)
  assert.equal(build([orders]).services.get('orders')!.routes[0]?.policyVersion, orders.version)
})

test('a service whose document is gone, or lost it, keeps nothing of it', () => {
  const first = build([orders])
  const emptied = goodPolicy('version: 1\nservices: {}\n', 'orders.yaml')
  for (const documents of [[], [emptied]]) {
    const { snapshot } = compile(documents, PIECES, {
      version: 'w',
      previous: first,
      knownServices: ['orders'],
    })
    assert.equal(snapshot.services.get('orders')?.routes.length, 1)
    assert.equal(snapshot.hosts.size, 0)
    assert.equal(compile(documents, PIECES, { version: 'w', previous: first }).snapshot.services.size, 0)
  }
})

test('of two documents for one service the later is left out, and the problem names both', () => {
  const twin = goodPolicy('version: 1\nservices:\n  stock: {}\n  orders: {}\n', 'twin.yaml')
  const { snapshot, problems } = compile([twin, orders], PIECES, { version: 'v' })
  assert.deepEqual(problems, [
    {
      path: 'services.orders',
      message: 'service orders is already in orders.yaml:4:3',
      file: 'twin.yaml',
      line: 4,
      column: 3,
    },
  ])
  assert.deepEqual([...snapshot.services.keys()], ['orders'])
})
