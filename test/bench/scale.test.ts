import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planeReport } from '../../bench/plane/run.ts'
import { churnReport } from '../../bench/scale/churn.ts'
import { memoryRatio, type ScaleResult, scaleReport } from '../../bench/scale/run.ts'

const RESULTS: readonly ScaleResult[] = [
  { of: 'endpoints', size: 10, bytesEach: 9000, pickNs: 80, updateMs: 0.01, stallMs: 0.01 },
  { of: 'endpoints', size: 10_000, bytesEach: 450, pickNs: 140, updateMs: 4.96, stallMs: 2.04 },
  { of: 'pools', size: 1000, bytesEach: 18_000 },
  { of: 'services', size: 1000, bytesEach: 2600, matchNs: 100, compileMs: 47 },
]

test('what was not measured of a size stays empty', () => {
  const text = scaleReport(RESULTS)
  assert.match(text, /^10000 endpoints +450 +140 +4\.96 +2\.04$/m)
  assert.match(text, /^1000 undici Pools that nobody uses +18000$/m)
  assert.match(text, /^1000 services in one policy, two routes each +2600 +100 +47\.00$/m)
})

test('the memory of an endpoint is that of one among the most', () => {
  assert.equal(memoryRatio(RESULTS), 0.025)
  assert.ok(Number.isNaN(memoryRatio([])))
})

test('a policy that changes and one that does not stand side by side', () => {
  const text = churnReport({
    services: 100,
    quietUs: [20, 22],
    churnUs: [25, 27],
    quietStallMs: 3,
    churnStallMs: 12,
  })
  assert.match(text, /100 services.* 26\.0 µs .*without changes 21\.0; .* 12 ms, without changes 3$/m)
})

test('the plane is said to have taken what it took', () => {
  const figures = { p50Ms: 63, p99Ms: 435, lastMs: 436, cpuMsPerPush: 34.3, cpuMsPerJoin: 22.4 }
  const text = planeReport({ subscribers: 200, pushes: 10, ...figures })
  assert.match(text, /200 services .* 10 pushes/)
  assert.match(text, /p50 63 ms, p99 435 ms, in the last after 436 ms/)
  assert.match(text, /34\.3 ms a push, 22\.4 ms a service/)
})
