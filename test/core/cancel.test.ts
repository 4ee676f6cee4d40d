import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cancelled } from '../../src/core/cancel.ts'
import type { CancelKind } from '../../src/core/hop.ts'

const attempt = { startedMs: 100, fairMs: 50 }
const classAt = (kind: CancelKind, nowMs: number) =>
  cancelled({ kind, error: undefined }, attempt, nowMs, false, 'head').class

test('who cancelled decides whether the peer is charged', () => {
  assert.equal(classAt('caller', 1000), 'ignored')
  assert.equal(classAt('hedge', 1000), 'ignored')
  assert.equal(classAt('closing', 1000), 'ignored')
  assert.equal(classAt('try-timeout', 100), 'failure')
})

test('a passed deadline is charged only to an attempt that had a fair chance', () => {
  assert.equal(classAt('deadline', 149), 'ignored')
  assert.equal(classAt('deadline', 150), 'failure')
})

test('only our own timers become conditions', () => {
  assert.equal(
    cancelled({ kind: 'deadline', error: undefined }, attempt, 0, true, 'body').condition,
    'deadline',
  )
  assert.equal(cancelled({ kind: 'caller', error: undefined }, attempt, 0, true, 'body').condition, undefined)
})
