import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Reconnect } from '../../src/grpc/reconnect.ts'

test('the waits grow by 1.6 from a second to two minutes', () => {
  const reconnect = new Reconnect(() => 0.5)
  const waits = Array.from({ length: 14 }, () => Math.round(reconnect.failed()))
  assert.deepEqual(waits.slice(0, 4), [1000, 1600, 2560, 4096])
  assert.deepEqual(waits.slice(-3), [120_000, 120_000, 120_000])
})

test('a host that had a connection is asked again after 50 ms, and is at a second seven failures later', () => {
  const reconnect = new Reconnect(() => 0.5)
  for (let round = 0; round < 2; round++) {
    reconnect.failed()
    reconnect.succeeded()
    const waits = Array.from({ length: 9 }, () => Math.round(reconnect.failed()))
    assert.deepEqual(waits, [50, 80, 128, 205, 328, 524, 839, 1342, 2147])
  }
  reconnect.forget()
  assert.equal(Math.round(reconnect.failed()), 1000)
})

test('no wait is shorter than what it took to fail, up to a second', () => {
  const reconnect = new Reconnect(() => 0.5)
  reconnect.succeeded()
  assert.equal(Math.round(reconnect.failed(30)), 50)
  assert.equal(Math.round(reconnect.failed(5000)), 1000)
  assert.equal(Math.round(reconnect.failed(5000)), 1600)
})

test('each wait is spread by a fifth to either side', () => {
  assert.equal(Math.round(new Reconnect(() => 0).failed()), 800)
  assert.equal(Math.round(new Reconnect(() => 1).failed()), 1200)
})
