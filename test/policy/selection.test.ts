import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Selection } from '../../src/policy/selection.ts'
import { goodPolicy } from '../kit/policy.ts'

const orders = (name: string) => goodPolicy('version: 1\nservices: { orders: { timeout: 1s } }\n', name)
const defaults = (name: string) => goodPolicy('version: 1\ndefaults: { timeout: 1s }\n', name)

test('documents are found by the service they speak of, in the order of their names', () => {
  const selection = new Selection([orders('b.yaml'), defaults('a.yaml')])
  assert.deepEqual(
    selection.documents.map(({ name }) => name),
    ['a.yaml', 'b.yaml'],
  )
  assert.equal(selection.general?.name, 'a.yaml')
  assert.equal(selection.of('orders')?.name, 'b.yaml')
  assert.equal(selection.of('stock'), undefined)
})

test('of two that clash the one whose name sorts later does not count, in whatever order they came', () => {
  for (const documents of [
    [orders('a.yaml'), orders('b.yaml')],
    [orders('b.yaml'), orders('a.yaml')],
  ]) {
    const { documents: used, clashes } = new Selection(documents)
    assert.deepEqual(
      used.map(({ name }) => name),
      ['a.yaml'],
    )
    assert.equal(clashes.length, 1)
  }
  assert.equal(new Selection([defaults('b.yaml'), defaults('a.yaml')]).general?.name, 'a.yaml')
})
