import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PolicyPiece } from '../../src/core/piece.ts'
import { duration, oneOf } from '../../src/core/units.ts'
import { type AnyPiece, allPieces, type DocumentOf, documentSchema } from '../../src/policy/schema.ts'
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

const timeout = {
  key: 'timeout',
  scope: 'route',
  schema: duration(),
  defaults: 1,
} as const satisfies PolicyPiece<number>
const balance = {
  key: 'balance',
  scope: 'service',
  schema: oneOf(['random', 'peak-ewma']),
  defaults: 'random',
} as const satisfies PolicyPiece<string>

test('the type of a document says what may be written where', () => {
  const typed: DocumentOf<readonly [typeof timeout, typeof balance]> = {
    version: 1,
    defaults: { timeout: '15s', cancel: 'none' },
    services: {
      orders: {
        balance: 'random',
        endpoints: ['127.0.0.1:1', { address: 'a:2', weight: 2 }],
        routes: [{ match: { path: '/a' }, timeout: '1s' }],
      },
    },
  }
  // @ts-expect-error a number is no duration
  const untimed: typeof typed = { version: 1, defaults: { timeout: 5 } }
  // @ts-expect-error shared state does not belong on a route
  const shared: typeof typed = { version: 1, services: { a: { routes: [{ match: {}, balance: 'random' }] } } }
  const loose: DocumentOf<readonly AnyPiece[]> = {
    version: 1,
    services: { orders: { anything: 7, hosts: ['a'] } },
  }
  const schema = documentSchema([timeout, balance])
  assert.deepEqual(
    [typed, untimed, shared, loose].map((document) => schema.safeParse(document).success),
    [true, false, false, false],
  )
})
