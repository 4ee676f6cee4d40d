import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lookupPiece } from '../../src/policy/lookup.ts'

const reads = (value: object): boolean => lookupPiece.schema.safeParse(value).success

test('a lookup names another service, another place or a part of the instances', () => {
  assert.ok(reads({}))
  assert.ok(
    reads({
      service: 'orders-next',
      datacenter: 'dc2',
      namespace: 'shop',
      partition: 'eu',
      filter: 'Service.Meta.version == "2"',
      onlyPassing: true,
    }),
  )
})

test('what would be another path or another query is no name', () => {
  for (const service of ['', 'a/b', '../x', 'a?dc=x', 'a b', '-a', 'a-', 'x'.repeat(129), 7])
    assert.equal(reads({ service }), false, JSON.stringify(service))
  for (const filter of ['', 'x'.repeat(2049), 7]) assert.equal(reads({ filter }), false)
  assert.equal(reads({ onlyPassing: 'yes' }), false)
  assert.equal(reads({ subset: 'v2' }), false, 'a misspelt field')
})
