import assert from 'node:assert/strict'
import { test } from 'node:test'
import { found, pathText, policyError, problemText } from '../../src/policy/problem.ts'

test('a path reads like the document', () => {
  assert.equal(
    pathText(['services', 'orders', 'routes', 1, 'retry', 'limit']),
    'services.orders.routes[1].retry.limit',
  )
  assert.equal(pathText(['services', 'a.b']), 'services["a.b"]')
  assert.equal(pathText([]), '')
})

test('a problem is one line with its place, as far as that is known', () => {
  const problem = { path: 'a.b', message: 'expected 1', file: 'x.yaml' }
  assert.equal(problemText({ ...problem, line: 2, column: 3 }), 'a.b: expected 1 (x.yaml:2:3)')
  assert.equal(problemText({ ...problem, path: '' }), 'expected 1 (x.yaml)')
})

test('what was found is shown, but not all of a long text', () => {
  assert.equal(found(undefined), 'found nothing')
  assert.equal(found('three'), 'found "three"')
  assert.equal(found(false), 'found false')
  assert.equal(found([1]), 'found a list')
  assert.ok(found('x'.repeat(10_000)).length < 80)
})

test('many problems make one error, which says how many more there are', () => {
  const problem = { path: 'a', message: 'm', file: 'f' }
  assert.equal(policyError([problem]).message, 'a: m (f)')
  assert.equal(policyError([problem, problem, problem]).message, 'a: m (f) and 2 more')
  assert.equal(policyError([problem]).code, 'TULLE_POLICY')
})
