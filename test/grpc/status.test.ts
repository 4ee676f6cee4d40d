import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Metadata, status } from '@grpc/grpc-js'
import fc from 'fast-check'
import { CODES, type Code } from '../../src/core/codes.ts'
import { MeshError } from '../../src/core/errors.ts'
import { httpStatusOf, statusOf } from '../../src/grpc/status.ts'

test('every error of the mesh has the status of docs/errors.md in both protocols', () => {
  for (const [code, entry] of Object.entries(CODES)) {
    const error = new MeshError(code as Code, 'what happened')
    assert.equal(status[statusOf(error).code], entry.grpc, code)
    assert.equal(httpStatusOf(error), entry.http, code)
  }
})

test('details are one line: what happened, what was tried, what to do', () => {
  const error = new MeshError('TULLE_CONNECT', 'orders: no connection', { hint: 'Is it listening?' })
  error.attempts = [
    { endpoint: '10.0.0.1:1', phase: 'connect', ms: 1, cause: 'ECONNREFUSED' },
    { endpoint: undefined, phase: 'queue', ms: 1, cause: 'TULLE_CLOSED' },
  ]
  assert.equal(
    statusOf(error).details,
    'orders: no connection (tried 10.0.0.1:1 connect ECONNREFUSED, nobody queue TULLE_CLOSED). Is it listening?',
  )
  const question = new MeshError('TULLE_UNKNOWN_SERVICE', 'did you mean orders?', { hint: 'Look.' })
  assert.equal(statusOf(question).details, 'did you mean orders? Look.')
})

test('details are printable and of bounded length, whatever the message is', () => {
  const anything = fc.string({ unit: 'binary', maxLength: 2000 })
  fc.assert(
    fc.property(anything, anything, (message, hint) => {
      const { details } = statusOf(new MeshError('TULLE_RESET', message, { hint }))
      assert.ok(details.length <= 1000)
      assert.match(details, /^[ -~]*$/)
    }),
  )
})

test('the status of a failed call is passed on as it is', () => {
  const metadata = new Metadata()
  metadata.set('reason', 'stock')
  const error = Object.assign(new Error('9 FAILED_PRECONDITION: out of stock'), {
    code: status.FAILED_PRECONDITION,
    details: 'out of stock',
    metadata,
  })
  assert.deepEqual(statusOf(error), { code: status.FAILED_PRECONDITION, details: 'out of stock', metadata })
  assert.equal(httpStatusOf(error), 400)
})

test('anything else is UNKNOWN with its message', () => {
  const of = (error: unknown): [number, string] => [statusOf(error).code, statusOf(error).details]
  assert.deepEqual(of(new Error('broken')), [status.UNKNOWN, 'broken'])
  assert.deepEqual(of(Object.assign(new Error('broken'), { code: 'ENOENT' })), [status.UNKNOWN, 'broken'])
  assert.deepEqual(of({ code: 77, details: 'x' }), [status.UNKNOWN, 'x'])
  assert.deepEqual(of('text'), [status.UNKNOWN, 'text'])
  assert.deepEqual(of(undefined), [status.UNKNOWN, 'undefined'])
  assert.equal(httpStatusOf(new Error('broken')), 500)
  assert.equal(httpStatusOf(undefined), 500)
})

test('codes become HTTP statuses as a gateway has them', () => {
  assert.equal(httpStatusOf(status.NOT_FOUND), 404)
  assert.equal(httpStatusOf(status.OK), 200)
  assert.equal(httpStatusOf(99), 500)
})
