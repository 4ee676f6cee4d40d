import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Reconnect } from '../../src/grpc/reconnect.ts'

test('the waits grow by 1.6 from a second to two minutes, and a connection ends them', () => {
  const reconnect = new Reconnect(() => 0.5)
  const waits = Array.from({ length: 14 }, () => Math.round(reconnect.failed()))
  assert.deepEqual(waits.slice(0, 4), [1000, 1600, 2560, 4096])
  assert.deepEqual(waits.slice(-3), [120_000, 120_000, 120_000])
  reconnect.succeeded()
  assert.equal(Math.round(reconnect.failed()), 1000)
})

test('each wait is spread by a fifth to either side', () => {
  assert.equal(Math.round(new Reconnect(() => 0).failed()), 800)
  assert.equal(Math.round(new Reconnect(() => 1).failed()), 1200)
})
