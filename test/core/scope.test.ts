import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RequestScope } from '../../src/core/scope.ts'

test('a caller that goes away tells everyone who asked, once, in their order', () => {
  const scope = new RequestScope()
  const told: number[] = []
  scope.onCancel(() => told.push(1))
  const remove = scope.onCancel(() => told.push(2))
  scope.onCancel(() => told.push(3))
  remove()
  remove()
  scope.cancel()
  scope.cancel()
  assert.deepEqual([told, scope.cancelled, scope.finished], [[1, 3], true, false])
})

test('after the response nobody is told any more', () => {
  const scope = new RequestScope()
  let told = 0
  scope.onCancel(() => told++)
  scope.finish()
  scope.onCancel(() => told++)
  scope.cancel()
  assert.deepEqual([told, scope.cancelled, scope.finished], [0, false, true])
})

test('one function given twice is told twice', () => {
  const scope = new RequestScope()
  let told = 0
  const fn = (): number => told++
  scope.onCancel(fn)
  scope.onCancel(fn)()
  scope.cancel()
  assert.equal(told, 1)
})
