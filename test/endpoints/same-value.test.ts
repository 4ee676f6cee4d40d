import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sameValue } from '../../src/endpoints/same-value.ts'

test('a copy is the same value, a value with one more field is not', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      assert.ok(sameValue(a, structuredClone(a)))
      assert.equal(sameValue(a, b), sameValue(b, a))
      assert.ok(!sameValue({ a, b }, { a }))
      assert.ok(!sameValue([a], { 0: a }))
    }),
  )
  assert.ok(!sameValue({ a: undefined }, { b: undefined }))
  assert.ok(!sameValue(false, undefined))
})
