import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonicalAuthority, LOCAL_NAMES, mayClaim } from '../../src/policy/hosts.ts'

test('an authority is lower case, without a trailing dot, its port a plain number', () => {
  assert.equal(canonicalAuthority('Orders.Internal.:08080'), 'orders.internal:8080')
  assert.equal(canonicalAuthority('orders_v2'), 'orders_v2')
  for (const text of [
    '',
    ':80',
    'a:',
    'a:0',
    'a:65536',
    'a:b',
    'a:1:2',
    '*.a',
    'a..b',
    '-a',
    'a/b',
    '10.0.0.1',
    '[::1]',
    'u@a',
  ])
    assert.equal(canonicalAuthority(text), undefined, text)
})

test('by default only names that no public server has may be claimed', () => {
  for (const name of [
    'orders',
    'orders:8080',
    'a.mesh',
    'orders.shop.svc:80',
    'orders.service.consul',
    'a.internal',
  ])
    assert.equal(mayClaim(name, LOCAL_NAMES), true, name)
  for (const name of [
    'example.com',
    'internal.example.com',
    'xinternal',
    'mesh.evil.org',
    'svc.cluster.com:80',
  ])
    assert.equal(mayClaim(name, LOCAL_NAMES), name === 'xinternal', name)
})

test('a whole name allows itself and nothing below it', () => {
  assert.equal(mayClaim('api.example.com:443', ['api.example.com']), true)
  assert.equal(mayClaim('v2.api.example.com', ['api.example.com']), false)
  assert.equal(mayClaim('example.com', ['*.example.com']), false)
})
