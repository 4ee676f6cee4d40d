import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drawUntried } from '../../src/balance/untried.ts'
import { makeEndpoints } from '../contract/picker.ts'
import { seeded } from '../kit/random.ts'

test('the only untried one among a thousand is found with a bounded number of draws', () => {
  const endpoints = makeEndpoints(new Array(1000).fill(1))
  const tried = new Set(endpoints)
  tried.delete(endpoints[617]!)
  const random = seeded(1)
  let draws = 0
  const draw = (): number => {
    draws++
    return Math.floor(random() * 1000)
  }
  assert.equal(drawUntried(endpoints, tried, draw), 617)
  assert.ok(draws <= 5)
})

test('where all were tried it says so', () => {
  const endpoints = makeEndpoints([1, 1])
  assert.equal(
    drawUntried(endpoints, new Set(endpoints), () => 0),
    -1,
  )
})
