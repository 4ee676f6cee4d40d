import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MeshRequestView } from '../../src/core/mesh-request.ts'
import { RequestScope } from '../../src/core/scope.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'

function view(deadlineInMs?: number, previous?: string) {
  const clock = new ManualClock()
  const scope = new RequestScope()
  const deadline = deadlineInMs === undefined ? undefined : clock.now() + deadlineInMs
  return {
    clock,
    scope,
    mesh: new MeshRequestView({ address: '10.0.0.1' }, deadline, previous, clock, scope),
  }
}

test('the remaining time falls to zero and stays there; without a deadline there is none', () => {
  const { clock, mesh } = view(100)
  assert.equal(mesh.remainingMs(), 100)
  clock.advance(60)
  assert.equal(mesh.remainingMs(), 40)
  clock.advance(60)
  assert.equal(mesh.remainingMs(), 0)
  assert.equal(view().mesh.remainingMs(), undefined)
})

test('the signal is made once and aborts when the caller goes away, before or after it was asked for', () => {
  const early = view()
  const { signal } = early.mesh
  assert.equal(signal, early.mesh.signal)
  early.scope.cancel()
  assert.equal(signal.aborted, true)
  const late = view()
  late.scope.cancel()
  assert.equal(late.mesh.signal.aborted, true)
})

test('the signal carries the deadline as its reason, and a finished response leaves it alone', () => {
  const { mesh } = view(10)
  const reason = new Error('too late')
  mesh.expire(reason)
  assert.equal(mesh.signal.reason, reason)
  const done = view()
  const { signal } = done.mesh
  done.scope.finish()
  done.scope.cancel()
  assert.equal(signal.aborted, false)
})

test('a count of attempts that is none counts as the first', () => {
  assert.deepEqual(
    [undefined, '2', '', '-1', 'x', '1e9', '12345'].map(
      (text) => view(undefined, text).mesh.previousAttempts,
    ),
    [0, 2, 0, 0, 0, 0, 0],
  )
})
