import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allPieces, documentSchema } from '../../src/policy/schema.ts'
import { PIECES } from '../kit/policy.ts'

test('policy adds its own pieces to those of the modules', () => {
  assert.deepEqual(
    allPieces(PIECES).map(({ key }) => key),
    ['timeout', 'retry', 'balance', 'fuse', 'cancel'],
  )
})

test('a piece of service scope is accepted on defaults and services, one of route scope everywhere', () => {
  const schema = documentSchema(PIECES)
  const accepts = (services: object, defaults: object = {}): boolean =>
    schema.safeParse({ version: 1, defaults, services }).success
  const route = (said: object): object => ({ orders: { routes: [{ match: { path: '/a' }, ...said }] } })
  assert.ok(accepts({ orders: { fuse: {}, timeout: '1s' } }, { fuse: {}, timeout: '1s' }))
  assert.ok(accepts(route({ timeout: '1s', cancel: 'all', idempotent: true })))
  assert.ok(!accepts(route({ fuse: {} })))
  assert.ok(!accepts({}, { idempotent: true }))
  assert.ok(!accepts({ orders: { idempotent: true } }))
})
