import assert from 'node:assert/strict'
import { test } from 'node:test'
import { random } from '../../src/balance/random.ts'
import { countPicks, makeBalancerDeps, makeEndpoints } from '../contract/picker.ts'

test('it is blind to load', () => {
  const endpoints = makeEndpoints([1, 1])
  Object.assign(endpoints[0]!.load, { inFlight: 1000, ewmaMs: 10_000 })
  const [loaded] = countPicks(random.picker(endpoints, makeBalancerDeps()), endpoints, 1000)
  assert.ok(loaded! > 400)
})
