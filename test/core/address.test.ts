import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '../../src/core/address.ts'
import { endpointId } from '../../src/core/endpoint.ts'

test('addresses with a port are read, and written back the same', () => {
  for (const text of [
    '127.0.0.1:4001',
    '[::1]:80',
    'orders.internal:8080',
    'orders:1',
    '[fe80::1%eth0]:65535',
  ]) {
    const spec = parseAddress(text)
    assert.ok(spec, text)
    assert.equal(endpointId(spec.address, spec.port), text)
  }
})

test('everything else is refused', () => {
  for (const text of [
    '',
    'orders',
    'orders:',
    ':80',
    'orders:0',
    'orders:65536',
    '::1:80',
    'a b:1',
    'http://a:1',
    'a:1/x',
    'a@b:1',
    '-a:1',
  ])
    assert.equal(parseAddress(text), undefined, text)
})
