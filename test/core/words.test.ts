import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wordsOf } from '../../src/core/words.ts'

test('whatever was thrown has words: an error its message, anything else itself', () => {
  assert.equal(wordsOf(new TypeError('no route')), 'no route')
  assert.equal(wordsOf('given up'), 'given up')
  assert.equal(wordsOf(undefined), 'undefined')
})
