import assert from 'node:assert/strict'
import { test } from 'node:test'
import { roundRobin } from '../../src/balance/round-robin.ts'
import { countPicks, makeBalancerDeps, makeEndpoints } from '../contract/picker.ts'
import { makeAttempt } from '../kit/builders.ts'

test('equal endpoints are taken strictly in turn', () => {
  const endpoints = makeEndpoints([1, 1, 1])
  const picker = roundRobin.picker(endpoints, makeBalancerDeps())
  assert.deepEqual(countPicks(picker, endpoints, 300), [100, 100, 100])
})

test('clients start at different places, so that they do not march in step', () => {
  const endpoints = makeEndpoints([1, 1, 1, 1])
  const starts = [1, 2, 3, 4, 5, 6, 7, 8].map(
    (seed) => roundRobin.picker(endpoints, makeBalancerDeps(seed))(makeAttempt(), new Set())?.id,
  )
  assert.ok(new Set(starts).size >= 3)
})
