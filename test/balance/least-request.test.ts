import assert from 'node:assert/strict'
import { test } from 'node:test'
import { leastRequest } from '../../src/balance/least-request.ts'
import { countPicks, makeBalancerDeps, makeEndpoints } from '../contract/picker.ts'

test('of two, the one with less in flight is taken, whatever their round trips', () => {
  const endpoints = makeEndpoints([1, 1])
  endpoints[0]!.load.inFlight = 1
  endpoints[1]!.load.ewmaMs = 10_000
  assert.deepEqual(countPicks(leastRequest.picker(endpoints, makeBalancerDeps()), endpoints, 50), [0, 50])
})

test('an endpoint that fails at once is not taken for an idle one', () => {
  const endpoints = makeEndpoints([1, 1])
  endpoints[0]!.load.penaltyEndMs = 1_005_000
  endpoints[1]!.load.inFlight = 40
  assert.deepEqual(countPicks(leastRequest.picker(endpoints, makeBalancerDeps()), endpoints, 50), [0, 50])
})
