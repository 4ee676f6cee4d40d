import assert from 'node:assert/strict'
import { test } from 'node:test'
import { steady } from '../../bench/warmth.ts'

test('a process is warm once two rounds were no cheaper than those before', () => {
  assert.equal(steady([90, 60, 42, 40]), false, 'still falling')
  assert.equal(steady([90, 60, 42, 41, 40]), true)
})

test('a round that somebody disturbed neither begins nor ends a warm-up', () => {
  assert.equal(steady([40, 70, 80]), true, 'dearer is not warmer')
  assert.equal(steady([90, 85, 84, 60]), false, 'the last one alone brought something')
})

test('a single round says nothing, and a cost that is no number is never steady', () => {
  assert.equal(steady([10]), false)
  assert.equal(steady([10, 10]), false)
  assert.equal(steady([10, Number.NaN, 10]), false)
})
