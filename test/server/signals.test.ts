import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { type SignalTarget, shutdownOn } from '../../src/server/signals.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { inboundHarness } from '../kit/inbound-harness.ts'

class FakeProcess extends EventEmitter implements SignalTarget {
  exitCode: number | string | null | undefined
  exits = 0

  exit(): void {
    this.exits++
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a signal shuts the mesh down once, and the process ends with 0 if it does not end by itself', async () => {
  const clock = new ManualClock()
  const { runtime, shutdowns } = inboundHarness({ clock })
  const target = new FakeProcess()
  shutdownOn(runtime, ['SIGTERM', 'SIGINT'], 500, target)
  target.emit('SIGTERM', 'SIGTERM')
  target.emit('SIGTERM', 'SIGTERM')
  target.emit('SIGINT', 'SIGINT')
  await settle()
  assert.deepEqual(shutdowns, [{ graceMs: 500 }])
  assert.deepEqual([target.exitCode, target.exits], [0, 0])
  clock.advance(1000)
  assert.equal(target.exits, 1)
})

test('a process that listens to the signal itself is never ended, and its exit code is its own', async () => {
  const clock = new ManualClock()
  const { runtime, shutdowns } = inboundHarness({ clock })
  const target = new FakeProcess()
  target.exitCode = 3
  target.on('SIGTERM', () => {})
  shutdownOn(runtime, ['SIGTERM'], undefined, target)
  target.emit('SIGTERM', 'SIGTERM')
  await settle()
  clock.advance(60_000)
  assert.deepEqual([shutdowns.length, target.exitCode, target.exits], [1, 3, 0])
})

test('two servers of one process do not take each other for strangers', async () => {
  const clock = new ManualClock()
  const { runtime } = inboundHarness({ clock })
  const target = new FakeProcess()
  shutdownOn(runtime, ['SIGTERM'], undefined, target)
  shutdownOn(runtime, ['SIGTERM'], undefined, target)
  target.emit('SIGTERM', 'SIGTERM')
  await settle()
  clock.advance(1000)
  assert.ok(target.exits >= 1)
})

test('a shutdown that fails ends with 1', async () => {
  const { runtime, errors } = inboundHarness({ clock: new ManualClock() })
  const target = new FakeProcess()
  shutdownOn(
    { ...runtime, shutdown: () => Promise.reject(new Error('stuck')) },
    ['SIGTERM'],
    undefined,
    target,
  )
  target.emit('SIGTERM', 'SIGTERM')
  await settle()
  assert.deepEqual([target.exitCode, errors.length], [1, 1])
})

test('a server that is closed leaves the signal alone', () => {
  const { runtime } = inboundHarness()
  const target = new FakeProcess()
  shutdownOn(runtime, ['SIGTERM'], undefined, target)()
  assert.equal(target.listenerCount('SIGTERM'), 0)
})
