import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { backoffMs, waitMs } from '../../src/resilience/backoff.ts'
import { scripted, seeded } from '../kit/random.ts'

const params = { base: 25, max: 250 }
const wait = (
  n: number,
  afterMs: number | undefined,
  protocol: 'http' | 'grpc',
  ...draws: [number, ...number[]]
) => waitMs(n, afterMs, protocol, params, scripted(...draws))

test('the interval doubles from the base up to the maximum, and the wait is drawn from all of it', () => {
  const longest = [1, 2, 3, 4, 5, 10].map((n) => backoffMs(n, params, () => 1))
  assert.deepEqual(longest, [25, 50, 100, 200, 250, 250])
  assert.equal(
    backoffMs(3, params, () => 0),
    0,
  )
  assert.equal(
    backoffMs(3, params, () => 0.5),
    50,
  )
})

test('the back-off is always within [0, max)', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2000 }), fc.nat(), (n, seed) => {
      const ms = backoffMs(n, params, seeded(seed))
      assert.ok(ms >= 0 && ms < 250)
    }),
  )
})

test('a gRPC pushback is taken to the millisecond', () => {
  assert.equal(wait(1, 700, 'grpc', 0.9), 700)
  assert.equal(wait(1, 0, 'grpc', 0.9), 0)
})

test('HTTP Retry-After is spread over half of itself and never below the ordinary back-off', () => {
  assert.equal(wait(1, 1000, 'http', 0, 0), 1000)
  assert.equal(wait(1, 1000, 'http', 0, 0.5), 1250)
  assert.equal(wait(3, 0, 'http', 0.5, 0), 50)
})

test('a Retry-After past five minutes is discarded', () => {
  assert.equal(wait(1, 300_001, 'http', 0.5), 12.5)
  assert.equal(wait(1, 300_000, 'http', 0, 0), 300_000)
})

test('a negative or unreadable pushback means no retry', () => {
  assert.equal(wait(1, -1, 'grpc', 0.5), undefined)
  assert.equal(wait(1, Number.NaN, 'grpc', 0.5), undefined)
  assert.equal(wait(1, -1, 'http', 0.5), undefined)
})
