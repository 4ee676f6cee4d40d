import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ARMS } from '../../bench/arms/index.ts'
import { targetsReport } from '../../bench/report/targets.ts'
import type { GroupResult } from '../../bench/results.ts'
import { complete, type Measured, type Target, targetsOf } from '../../bench/targets.ts'
import { measured } from './fixtures.ts'

const group = (name: string, arms: GroupResult['arms']): GroupResult => ({
  group: name,
  arms,
  seconds: 1,
  loads: { before: 0, after: 0 },
})
const us = (main: number, total = main, p50Ms = 0.1) => ({
  mainUs: [main, main],
  totalUs: [total, total],
  latenciesMs: [[p50Ms]],
})

const ALL: Measured = {
  node: 20,
  groups: [
    group('http', [
      measured({ name: 'dispatch' }, us(15)),
      measured({ name: 'mesh-armed', against: 'dispatch' }, us(20.5)),
      measured({ name: 'mesh-propagation', against: 'dispatch' }, us(24.5)),
      measured({ name: 'mesh-sampled', against: 'dispatch' }, us(24.6)),
      measured({ name: 'fetch', against: 'dispatch' }, us(100)),
      measured({ name: 'mesh-fetch-armed', against: 'fetch' }, us(20)),
      measured({ name: 'dispatch-again', against: 'dispatch', again: 'dispatch' }, us(16)),
    ]),
    group('sidecar', [
      measured({ name: 'direct' }, us(15, 30, 0.07)),
      measured({ name: 'mesh', against: 'direct' }, us(30, 60, 0.1)),
      measured({ name: 'nginx', against: 'direct' }, us(25, 100, 0.25)),
      measured({ name: 'direct-again', against: 'direct', again: 'direct' }, us(15, 33, 0.08)),
    ]),
    group('inbound', [
      measured({ name: 'http' }, us(15)),
      measured({ name: 'mesh', against: 'http' }, us(19)),
    ]),
    group('grpc', [
      measured({ name: 'client' }, us(100)),
      measured({ name: 'client-mesh', against: 'client' }, us(109)),
    ]),
  ],
  scale: [
    { of: 'endpoints', size: 10, bytesEach: 9000, updateMs: 1, stallMs: 1 },
    { of: 'endpoints', size: 10_000, bytesEach: 455, updateMs: 13, stallMs: 6 },
  ],
  simulated: [
    { scenario: 'S1', balance: 'round-robin', figures: [95] },
    { scenario: 'S1', balance: 'peak-ewma', figures: [99.94] },
  ],
}

const all = targetsOf(ALL)
const named = (name: string, targets: readonly Target[] = all): Target => {
  const found = targets.find((one) => one.name === name)
  assert.ok(found, name)
  return found
}

test('every target has a line where everything was measured', () => {
  assert.equal(all.length, 12)
  assert.equal(complete(all), true)
  assert.equal(complete(targetsOf({ ...ALL, scale: undefined })), false)
  assert.deepEqual(targetsOf({ groups: [], node: 20 }), [])
})

test('added costs, ratios and sizes come from where they were measured', () => {
  const values = Object.fromEntries(all.map(({ name, value }) => [name, Math.round(value * 100) / 100]))
  assert.deepEqual(values, {
    T1: 5.5,
    T2: 9.5,
    T3: 9.6,
    T4: 0.2,
    T5: 0.6,
    T5b: 30,
    T6: 99.94,
    T7: 13,
    T8: 6,
    T9: 455,
    T10: 4,
    T11: 1.09,
  })
})

test('a ceiling is kept and a floor is reached', () => {
  assert.equal(named('T1').met, true)
  assert.equal(named('T2').met, false)
  assert.equal(named('T6').met, true)
  const slow = { scenario: 'S1', balance: 'peak-ewma', figures: [99.91] }
  assert.equal(named('T6', targetsOf({ ...ALL, simulated: [slow] })).met, false)
})

test('a younger V8 has lower limits where the targets say so', () => {
  const young = targetsOf({ ...ALL, node: 24 })
  assert.deepEqual(
    ['T1', 'T2', 'T3', 'T10'].map((name) => [named(name).limit, named(name, young).limit]),
    [
      [6, 3],
      [8, 5],
      [10, 10],
      [6, 6],
    ],
  )
  assert.equal(named('T1', young).met, false)
})

test('what is not a number is not met', () => {
  const scale = [{ of: 'endpoints', size: 10_000, bytesEach: 455 }] as const
  assert.equal(named('T7', targetsOf({ ...ALL, scale })).met, false)
})

test('the spread of equal arms is told in the unit of the target', () => {
  assert.equal(named('T1').spread, 1)
  assert.ok(Math.abs(named('T5').spread - 0.6 * 0.1) < 1e-9, 'a tenth of thirty microseconds')
  assert.ok(Math.abs(named('T5b').spread - 10) < 1e-9)
})

test('the table says how far away a target is, and where that is less than noise', () => {
  const text = targetsReport(all)
  assert.match(text, /^T1 .* ≤ 6\.0 µs +5\.5 µs +1\.0 +met, but equal arms differ by more$/m)
  assert.match(text, /^T2 .* ≤ 8\.0 µs +9\.5 µs +1\.0 +not met: \+1\.5 µs$/m)
  assert.match(text, /^T4 .* ≤ × 0\.50 +× 0\.20 +0\.01 +met$/m)
  assert.match(text, /^T6 .* ≥ 99\.92 % +99\.94 % +met$/m)
})

test('every arm that a target is about is there', () => {
  for (const { group: name, arms } of ALL.groups)
    for (const { arm } of arms)
      assert.ok(
        ARMS.some((one) => one.group === name && one.name === arm.name && one.against === arm.against),
        `${name}: ${arm.name}`,
      )
})
