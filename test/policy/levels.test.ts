import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BaseService } from '../../src/policy/base.ts'
import { levelsOf, type PlanLevel } from '../../src/policy/levels.ts'
import { goodPolicy } from '../kit/policy.ts'

const general = goodPolicy('version: 1\ndefaults: { timeout: 15s }\n', 'defaults.yaml')
const bare = goodPolicy('version: 1\nservices: { orders: { timeout: 5s } }\n', 'orders.yaml')
const routed = goodPolicy(
  'version: 1\nservices: { orders: { routes: [{ match: { path: /x }, timeout: 1s, idempotent: true }] } }\n',
  'orders.yaml',
)
const base: BaseService = {
  version: 'b',
  levels: [{ level: { timeout: 1 }, from: {} }],
  routes: [{ match: { path: '/pay' }, own: { level: { timeout: 2 }, from: {} }, from: 'consul' }],
}

const said = (levels: readonly PlanLevel[]): unknown[] => levels.map(({ level }) => level.timeout)
const placed = (levels: readonly PlanLevel[]): string[] =>
  levels.map(({ place }) =>
    place === undefined ? 'below' : `${place.document.name} ${place.path.join('.')}`,
  )

test('what is below the documents counts least, then defaults, then the service', () => {
  const { levels } = levelsOf({ service: 'orders', base, general, document: bare })
  assert.deepEqual(said(levels), [1, 15_000, 5000])
  assert.deepEqual(placed(levels), ['below', 'defaults.yaml defaults', 'orders.yaml services.orders'])
})

test('without routes of a document those below it are in force, and what a document says counts more', () => {
  const { routes } = levelsOf({ service: 'orders', base, general, document: bare })
  assert.deepEqual(
    routes.map(({ match, levels }) => [match.path, said(levels)]),
    [['/pay', [1, 2, 15_000, 5000]]],
  )
})

test('routes of a document replace those below it as a whole', () => {
  const { routes } = levelsOf({ service: 'orders', base, general, document: routed })
  assert.deepEqual(
    routes.map(({ match, idempotent, levels }) => [match.path, idempotent, said(levels)]),
    [['/x', true, [1, 15_000, undefined, 1000]]],
  )
  assert.equal(placed(routes[0]!.levels).at(-1), 'orders.yaml services.orders.routes.0')
})

test('of what nobody speaks nothing is said', () => {
  assert.deepEqual(levelsOf({ service: 'stock', general: undefined, document: undefined }), {
    levels: [],
    routes: [],
  })
  assert.deepEqual(said(levelsOf({ service: 'stock', general, document: bare }).levels), [15_000])
})
