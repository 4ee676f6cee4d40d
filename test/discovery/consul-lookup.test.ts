import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lookupKey, lookupOf, remoteName, requestOf } from '../../src/discovery/consul-lookup.ts'

test('a service is looked for under its own name in our own datacenter, critical instances included', () => {
  const lookup = lookupOf('orders', { onlyPassing: true }, true)
  assert.equal(lookup.service, 'orders')
  const { path, query } = requestOf(lookup)
  assert.equal(path, '/v1/health/connect/orders')
  assert.deepEqual({ ...query }, { dc: undefined, ns: undefined, partition: undefined, filter: undefined })
  assert.equal(requestOf(lookupOf('orders', {}, false)).path, '/v1/health/service/orders')
})

test('orders.dc2 is looked for in dc2, and policy that says otherwise wins', () => {
  assert.deepEqual(requestOf(lookupOf('orders.dc2', {}, true)).query?.dc, 'dc2')
  assert.equal(lookupOf('orders.dc2', {}, true).service, 'orders')
  const moved = lookupOf('orders.dc2', { service: 'Orders_v2', datacenter: 'dc3' }, true)
  assert.deepEqual([moved.service, moved.datacenter], ['Orders_v2', 'dc3'])
})

test('what is no service and datacenter is no remote name', () => {
  assert.deepEqual(remoteName('orders.us-east_1'), { service: 'orders', datacenter: 'us-east_1' })
  for (const name of [
    'orders',
    'a.b.c',
    '.dc2',
    'orders.',
    'Orders.dc2',
    'or_ders.dc2',
    'orders.DC2',
    '__proto__',
    '',
  ])
    assert.equal(remoteName(name), undefined, name)
})

test('names never leave their segment of the path', () => {
  assert.equal(requestOf(lookupOf('a/../b?x', {}, true)).path, '/v1/health/connect/a%2F..%2Fb%3Fx')
})

test('each field makes another question', () => {
  const base = lookupOf('orders', {}, true)
  const others = [
    lookupOf('stock', {}, true),
    lookupOf('orders', {}, false),
    lookupOf('orders', { onlyPassing: true }, true),
    lookupOf('orders', { datacenter: 'dc2' }, true),
    lookupOf('orders', { namespace: 'dc2' }, true),
    lookupOf('orders', { partition: 'dc2' }, true),
    lookupOf('orders', { filter: 'dc2' }, true),
  ]
  assert.equal(new Set([base, ...others].map(lookupKey)).size, 8)
})
