import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rowsOf } from '../../bench/comparisons.ts'
import { GROUP, measured } from './fixtures.ts'

test('an arm is held against its reference, with what equal arms differ by', () => {
  const [, mesh, again] = rowsOf(GROUP.arms, 'GET')
  assert.deepEqual(mesh?.main, { added: 6, ratio: 1.6, spread: 2, certain: true })
  assert.deepEqual(mesh?.total, { added: 6, ratio: 1.3, spread: 1, certain: true })
  assert.ok(Math.abs((mesh?.addedP50Ms ?? 0) - 0.1) < 1e-9)
  assert.ok(Math.abs((mesh?.addedP99Ms ?? 0) - 0.6) < 1e-9)
  assert.equal(again?.main.certain, false, 'equals never differ for certain')
})

test('a reference without an equal takes the proportion of the group', () => {
  const arms = [
    ...GROUP.arms,
    measured({ name: 'fetch' }, { mainUs: [100, 100] }),
    measured({ name: 'mesh-fetch', against: 'fetch' }, { mainUs: [150, 150] }),
  ]
  assert.equal(rowsOf(arms, 'GET').at(-1)?.main.spread, 20)
})

test('where nothing equal was measured nothing is certain', () => {
  const arms = GROUP.arms.slice(0, 2)
  const mesh = rowsOf(arms, 'GET').at(-1)
  assert.ok(Number.isNaN(mesh?.main.spread))
  assert.equal(mesh?.main.certain, false)
})

test('arms without the method have no row', () => {
  assert.deepEqual(rowsOf(GROUP.arms, 'POST'), [])
})
