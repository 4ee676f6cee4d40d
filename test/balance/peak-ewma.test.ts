import assert from 'node:assert/strict'
import { test } from 'node:test'
import { peakEwma } from '../../src/balance/peak-ewma.ts'
import type { Load } from '../../src/core/endpoint.ts'
import { countPicks, makeBalancerDeps, makeEndpoints } from '../contract/picker.ts'

/** Of 100 picks between a burdened endpoint and an idle one: how many each got. */
function picks(burden: Partial<Load>): number[] {
  const endpoints = makeEndpoints([1, 1])
  Object.assign(endpoints[0]!.load, burden)
  return countPicks(peakEwma.picker(endpoints, makeBalancerDeps()), endpoints, 100)
}

test('of two, the one with the shorter round trip is taken', () => {
  assert.deepEqual(picks({ ewmaMs: 31 }), [0, 100])
  assert.deepEqual(picks({ ewmaMs: 29 }), [100, 0])
})

test('what is in flight multiplies the round trip', () => {
  assert.deepEqual(picks({ ewmaMs: 16, inFlight: 1 }), [0, 100])
  assert.deepEqual(picks({ ewmaMs: 14, inFlight: 1 }), [100, 0])
})

test('an old wait without an answer counts before it has ended', () => {
  assert.deepEqual(picks({ oldestMs: 1_000_000 - 40 }), [0, 100])
})

test('a penalty counts while it lasts', () => {
  assert.deepEqual(picks({ penaltyEndMs: 1_005_000 }), [0, 100])
})

test('of equals the first drawn is taken, so that idle equals share evenly', () => {
  const [first, second] = picks({})
  assert.ok(first! > 30 && second! > 30)
})

test('a busy endpoint of double weight holds double in flight before it is passed over', () => {
  const endpoints = makeEndpoints([1, 2])
  const [light, heavy] = endpoints as [(typeof endpoints)[0], (typeof endpoints)[0]]
  const picker = peakEwma.picker(endpoints, makeBalancerDeps())
  for (let n = 0; n < 900; n++) {
    const [toLight] = countPicks(picker, endpoints, 1) as [number, number]
    ;(toLight === 1 ? light : heavy).load.inFlight++
  }
  assert.ok(Math.abs(heavy.load.inFlight / light.load.inFlight - 2) < 0.1)
})
