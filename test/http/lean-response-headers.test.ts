import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { responseHeaders } from '../../src/http/lean-response-headers.ts'
import { raw } from '../kit/lean.ts'

test('real Headers: combined, sorted, cookies apart, names in lower case', () => {
  const headers = responseHeaders(raw('X-B', '1', 'x-b', '2', 'Set-Cookie', 'a', 'set-cookie', 'b', 'A', 'é'))
  assert.ok(headers instanceof Headers)
  assert.deepEqual(
    [...headers],
    [
      ['a', 'é'],
      ['set-cookie', 'a'],
      ['set-cookie', 'b'],
      ['x-b', '1, 2'],
    ],
  )
  assert.deepEqual(headers.getSetCookie(), ['a', 'b'])
  assert.equal(Headers.prototype.get.call(headers, 'x-b'), '1, 2')
  assert.equal(inspect(headers), "Headers { 'x-b': '1, 2', 'set-cookie': 'a, b', a: 'é' }")
})

test('they refuse changes, after saying what is malformed', () => {
  const headers = responseHeaders(raw('a', 'b'))
  for (const change of [
    () => headers.set('a', 'c'),
    () => headers.append('a', 'c'),
    () => headers.delete('a'),
  ])
    assert.throws(change, { name: 'TypeError', message: 'immutable' })
  assert.throws(() => headers.set('a b', 'c'), /header name/)
  assert.equal(headers.get('a'), 'b')
})
