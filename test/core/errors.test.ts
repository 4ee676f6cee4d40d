import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMeshError, MeshError, stormError } from '../../src/core/errors.ts'

test('a MeshError is a TypeError with a code, a place and advice', () => {
  const cause = new Error('connect ECONNREFUSED')
  const error = new MeshError('TULLE_CONNECT', 'cannot connect to orders', {
    layer: 'http',
    service: 'orders',
    cause,
  })
  assert.ok(error instanceof TypeError)
  assert.equal(error.name, 'MeshError')
  assert.equal(error.cause, cause)
  assert.match(error.hint, /listening/)
  assert.equal(new MeshError('TULLE_CONNECT', 'x', { hint: 'ask Jo' }).hint, 'ask Jo')
})

test('it is recognised by its brand, not by its class', () => {
  class OtherCopy extends TypeError {}
  Object.defineProperty(OtherCopy.prototype, Symbol.for('tulle.error.v1'), { value: true })
  assert.ok(isMeshError(new OtherCopy()))
  assert.ok(isMeshError(new MeshError('TULLE_RESET', 'x')))
  for (const other of [new TypeError('x'), null, undefined, 'TULLE_RESET', { code: 'TULLE_RESET' }])
    assert.equal(isMeshError(other), false)
})

test('a deadline is not a refusal, an open circuit is', () => {
  assert.equal(new MeshError('TULLE_DEADLINE', 'x').refusal, false)
  assert.equal(new MeshError('TULLE_CIRCUIT_OPEN', 'x').refusal, true)
})

test('storm errors carry no stack and leave the stack limit as it was', () => {
  const before = Error.stackTraceLimit
  assert.equal(stormError('TULLE_OVERLOADED', 'queue full').stack?.split('\n').length, 1)
  assert.equal(Error.stackTraceLimit, before)
})

test('as JSON it keeps what an operator needs', () => {
  const error = new MeshError('TULLE_RESET', 'broken', {
    service: 'orders',
    endpoint: '127.0.0.1:1',
    phase: 'head',
  })
  error.attempts = [{ endpoint: '127.0.0.1:1', phase: 'head', ms: 3, cause: 'ECONNRESET' }]
  const shown = JSON.parse(JSON.stringify(error))
  assert.equal(shown.code, 'TULLE_RESET')
  assert.deepEqual(shown.attempts, [{ endpoint: '127.0.0.1:1', phase: 'head', ms: 3, cause: 'ECONNRESET' }])
})
