import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkDocument } from '../../src/discovery/consul-check.ts'
import { type ServiceFacts, serviceDocument } from '../../src/discovery/consul-service.ts'

const facts: ServiceFacts = {
  id: 'orders-i1-4001',
  service: 'orders',
  place: { address: '10.0.0.5', port: 4001 },
  listener: { host: '10.0.0.5', port: 4001, protocol: 'http', mtls: 'strict' },
  meta: {},
  check: checkDocument({ id: 'c', kind: 'ttl', status: 'passing', ttlMs: 10_000, deregisterAfterMs: 0 }),
}

test('only what speaks mutual TLS is registered as Connect-native', () => {
  const native = (mtls: 'strict' | 'permissive' | 'disable') =>
    serviceDocument({ ...facts, listener: { ...facts.listener, mtls } }).Connect?.Native
  assert.deepEqual([native('strict'), native('permissive'), native('disable')], [true, true, undefined])
})

test('meta says what there is to say, and nothing of what is not known', () => {
  assert.deepEqual(serviceDocument(facts).Meta, { protocol: 'http', weight: '1' })
  const meta = { version: 'v2', zone: 'a', weight: 2.5 }
  assert.deepEqual(serviceDocument({ ...facts, meta, release: '0.5.0' }).Meta, {
    protocol: 'http',
    weight: '2.5',
    version: 'v2',
    zone: 'a',
    tulle: '0.5.0',
  })
})

test('Consul’s weights are whole, at least one, never more than it takes, and half while a check warns', () => {
  const weights = (weight: number) => serviceDocument({ ...facts, meta: { weight } }).Weights
  assert.deepEqual(weights(10), { Passing: 10, Warning: 5 })
  assert.deepEqual(weights(0.2), { Passing: 1, Warning: 1 })
  assert.deepEqual(weights(1e9), { Passing: 65_535, Warning: 32_767 })
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e12, noNaN: true }), (weight) => {
      const { Passing, Warning } = weights(weight)
      assert.ok(Number.isInteger(Passing) && Number.isInteger(Warning))
      assert.ok(Warning >= 1 && Warning <= Passing && Passing <= 65_535)
    }),
  )
})
