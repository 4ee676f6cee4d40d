import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BasePolicy } from '../../src/policy/base.ts'
import { explain } from '../../src/policy/explain.ts'
import { goodPolicy, PIECES } from '../kit/policy.ts'

const TEXT = `version: 1
defaults:
  retry: { limit: 4 }
services:
  orders:
    timeout: 3s
    routes:
      - match: { path: /v1/**, method: [GET] }
        retry: { backoff: { base: 10ms } }
`
const document = goodPolicy(TEXT)
const base: BasePolicy = {
  version: 'b',
  general: { version: undefined, levels: [], routes: [] },
  services: new Map(
    ['orders', 'shop'].map((service) => [
      service,
      {
        version: 'b',
        levels: [
          {
            level: { balance: 'random', timeout: 1 },
            from: { balance: 'consul r LoadBalancer', timeout: 'consul r T' },
          },
        ],
        routes: [
          {
            match: { path: '/pay' },
            own: { level: { retry: { limit: 9 } }, from: { retry: 'consul router Routes[3].Destination' } },
            from: 'consul router Routes[3]',
          },
        ],
      },
    ]),
  ),
}
const ask = (service: string, method: string, path: string) =>
  explain([document], PIECES, { service, method, path, protocol: 'http' }, base)
const field = ({ fields }: ReturnType<typeof ask>, path: string) => {
  const found = fields.find((one) => one.path === path)
  return [found?.value, found?.from]
}

test('values of a route name the place in the document that says them', () => {
  const told = ask('orders', 'GET', '/v1/x')
  assert.equal(told.route, 'orders.routes[0]')
  assert.equal(told.routeFrom, 'document mesh.yaml:8 services.orders.routes[0]')
  assert.deepEqual(field(told, 'timeout'), [3000, 'document mesh.yaml:6 services.orders.timeout'])
  assert.deepEqual(field(told, 'retry.limit'), [4, 'document mesh.yaml:3 defaults.retry.limit'])
  assert.deepEqual(field(told, 'retry.backoff.base'), [
    10,
    'document mesh.yaml:9 services.orders.routes[0].retry.backoff.base',
  ])
  assert.deepEqual(field(told, 'retry.backoff.max'), [250, 'built-in'])
  assert.deepEqual(field(told, 'balance'), ['random', 'consul r LoadBalancer'])
  assert.equal(told.replacedRoutes, 1, 'the routes below are replaced as a whole')
  assert.equal(ask('orders', 'GET', '/pay').route, 'orders')
})

test('where no document gives routes, those below count and say who wrote them', () => {
  const told = ask('shop', 'POST', '/pay')
  assert.deepEqual([told.route, told.routeFrom], ['shop.routes[0]', 'consul router Routes[3]'])
  assert.deepEqual(field(told, 'timeout'), [1, 'consul r T'])
  assert.deepEqual(field(told, 'retry.limit'), [4, 'document mesh.yaml:3 defaults.retry.limit'])
  assert.equal(told.replacedRoutes, 0)
})

test('a service that nobody knows has the defaults, and what no route matches has no route of its own', () => {
  const told = ask('stock', 'GET', '/')
  assert.deepEqual([told.route, told.routeFrom, told.match], ['stock', undefined, undefined])
  assert.deepEqual(field(told, 'timeout'), [undefined, 'built-in'])
})
