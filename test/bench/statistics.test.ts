import assert from 'node:assert/strict'
import { test } from 'node:test'
import { effectOf, median, percentile, spreadOf, typical } from '../../bench/statistics.ts'

test('the median of an even number of values lies between the middle two', () => {
  assert.equal(median([4, 1, 3, 2]), 2.5)
  assert.equal(median([9, 1, 5]), 5)
  assert.ok(Number.isNaN(median([])))
})

test('a percentile is a value that was measured, by nearest rank', () => {
  const hundred = Array.from({ length: 100 }, (_, n) => 100 - n)
  assert.equal(percentile(hundred, 0.99), 99)
  assert.equal(percentile(hundred, 0.5), 50)
  assert.equal(percentile(hundred, 1), 100)
  assert.equal(percentile([7], 0), 7)
})

test('a percentile over windows is that of most of them', () => {
  const wild = [1, 900, 1000]
  assert.equal(typical([[1, 2, 3], wild, [2, 3, 4]], 0.5), 3)
  assert.equal(typical([[1, 2, 3], wild, [2, 3, 4]], 1), 4)
  assert.ok(Number.isNaN(typical([], 0.5)))
})

test('equal arms are as far apart as their medians, or as their windows where those are further', () => {
  assert.equal(spreadOf([10, 10, 10, 10], [12, 12, 12, 12]), 2)
  assert.equal(spreadOf([10, 10, 10, 10], [6, 14, 6, 14]), 4)
  assert.equal(spreadOf([10, 10], [10, 10]), 0)
})

test('one wild window among eight does not widen the spread', () => {
  assert.equal(spreadOf([5, 5, 5, 5, 5, 5, 5, 5], [5, 5, 5, 90, 5, 5, 5, 5]), 0)
})

test('a difference counts only where it is larger than that of equals', () => {
  const equals = [
    [10, 10, 10],
    [12, 12, 12],
  ] as const
  assert.deepEqual(effectOf([13, 13, 13], [10, 10, 10], equals), {
    added: 3,
    ratio: 1.3,
    spread: 2,
    certain: true,
  })
  assert.equal(effectOf([11, 11, 11], [10, 10, 10], equals).certain, false)
  assert.equal(effectOf([13], [10], undefined).certain, false, 'nothing equal was measured')
})
