import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lookMs, waitMs } from '../../src/resilience/backoff.ts'
import { scripted } from '../kit/random.ts'

const params = { base: 25, max: 250 }
const wait = (
  n: number,
  afterMs: number | undefined,
  protocol: 'http' | 'grpc',
  ...draws: [number, ...number[]]
) => waitMs(n, afterMs, protocol, params, scripted(...draws))

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
  assert.equal(wait(1, 2 ** 31, 'grpc', 0.5), undefined, 'no timer holds it')
  assert.equal(wait(1, -1, 'http', 0.5), undefined)
})

test("who waits looks again at gRPC's growing intervals, and every second in the end", () => {
  assert.equal(Math.round(lookMs(1, scripted(0.5))), 50)
  assert.equal(Math.round(lookMs(2, scripted(0.5))), 80)
  assert.equal(Math.round(lookMs(3, scripted(0))), 102)
  assert.equal(Math.round(lookMs(100_000, scripted(0.5))), 1_000)
  assert.ok(lookMs(100_000, scripted(0.999)) < 1_200)
})
