import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isAddress, parseAddress } from '../../src/core/address.ts'
import { endpointId } from '../../src/core/endpoint.ts'

test('addresses with a port are read, and written back the same', () => {
  for (const text of ['127.0.0.1:4001', '[::1]:80', 'orders.internal:8080', 'orders:1', '[fe80::1]:65535']) {
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

test('what no URL can hold is refused: nothing could connect to it', () => {
  for (const text of [
    '256.0.0.1:80',
    '999.999.999.999:80',
    '1.2.3.4.5:80',
    '[:::::]:80',
    '[1.2.3.4]:80',
    '[fe80::1%eth0]:80',
  ])
    assert.equal(parseAddress(text), undefined, text)
})

test('an address and a port given apart are judged as if written together', () => {
  assert.equal(isAddress('127.0.0.1', 80), true)
  assert.equal(isAddress('::1', 65535), true)
  for (const [address, port] of [
    ['256.0.0.1', 80],
    ['a b', 80],
    ['', 80],
    ['user@a', 80],
    ['a/b', 80],
    ['a', 0],
    ['a', 65536],
    ['a', 1.5],
    ['a', Number.NaN],
  ] as const)
    assert.equal(isAddress(address, port), false, `${address} ${port}`)
})
