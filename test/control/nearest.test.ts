import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nearest } from '../../src/control/nearest.ts'

test('a slip of the finger finds the name that was meant', () => {
  assert.equal(nearest('oders', ['stock', 'orders', 'web']), 'orders')
  assert.equal(nearest('limmit', new Set(['limit', 'retryOn'])), 'limit')
})

test('a name unlike all others finds none', () => {
  assert.equal(nearest('payments', ['orders', 'stock']), undefined)
  assert.equal(nearest('x', []), undefined)
})
