import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CancelReason } from '../../src/core/hop.ts'
import { Waiting, waitingOf } from '../../src/resilience/waiting.ts'

test('when the service goes, everyone who waits is called off with an error of its own', () => {
  const waiting = waitingOf.make()
  const reasons: CancelReason[] = []
  const left = (): never => assert.fail('had left before')
  waiting.join((reason) => reasons.push(reason), 'orders')
  waiting.join((reason) => reasons.push(reason), 'orders')
  waiting.join(left, 'orders')
  waiting.leave(left)
  waitingOf.drop?.(waiting)
  assert.deepEqual(
    reasons.map(({ kind, error }) => [kind, (error as { code: string }).code]),
    [
      ['closing', 'TULLE_CLOSED'],
      ['closing', 'TULLE_CLOSED'],
    ],
  )
  assert.notEqual(reasons[0]?.error, reasons[1]?.error)
})

test('it is closed once and for all, and nobody is called off twice', () => {
  const waiting = new Waiting()
  let times = 0
  waiting.join(() => times++, 'orders')
  assert.equal(waiting.closed, false)
  waiting.close()
  waiting.close()
  assert.equal(waiting.closed, true)
  assert.equal(times, 1)
})
