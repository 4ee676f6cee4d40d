import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type NotHonoured, Told } from '../../../src/policy/consul/not-honoured.ts'
import { resolve, rewritten, targetOf } from '../../../src/policy/consul/resolve.ts'
import { entriesOf, resolver } from '../../kit/consul-entries.ts'

const RESOLVERS = entriesOf([
  resolver('orders', { DefaultSubset: 'v2', Subsets: { v1: {}, v2: {} } }),
  resolver('old', { Redirect: { Service: 'orders', Datacenter: 'dc2' } }),
])['service-resolver']!

function resolved(first = targetOf('old')) {
  const all: NotHonoured[] = []
  return resolve(first, undefined, RESOLVERS, (name) => new Told('service-resolver', name, all))
}

test('another service forgets the subset that was chosen, the same one keeps it', () => {
  const v1 = { ...targetOf('orders'), subset: 'v1', datacenter: 'dc2' }
  assert.deepEqual(rewritten(v1, { Service: 'shop' }), { ...targetOf('shop'), datacenter: 'dc2' })
  assert.equal(rewritten(v1, { Datacenter: 'dc3' }).subset, 'v1')
  assert.equal(rewritten(v1, { Service: 'orders' }).subset, 'v1')
  assert.equal(rewritten(v1, { Service: 'shop', ServiceSubset: 'v3' }).subset, 'v3')
  assert.deepEqual(rewritten(v1, {}), v1)
})

test('the default subset is that of the resolver at the end, unless one was chosen', () => {
  const { target, resolver: last, from } = resolved()
  assert.deepEqual([target.service, target.subset, target.datacenter], ['orders', 'v2', 'dc2'])
  assert.equal(last?.Name, 'orders')
  assert.equal(from?.told.from(from.path), 'consul service-resolver/old Redirect')
  const direct = resolved(targetOf('orders'))
  assert.equal(direct.from?.path, 'DefaultSubset')
  assert.equal(resolved({ ...targetOf('orders'), subset: 'v1' }).target.subset, 'v1')
})

test('without a resolver calls go where they went, and nobody has said so', () => {
  assert.deepEqual(resolved(targetOf('stock')), {
    target: targetOf('stock'),
    resolver: undefined,
    from: undefined,
  })
})
