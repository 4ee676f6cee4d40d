import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Metadata, status } from '@grpc/grpc-js'
import fc from 'fast-check'
import { CODES, type Code } from '../../src/core/codes.ts'
import { type AttemptReport, MeshError } from '../../src/core/errors.ts'
import { httpStatusOf, statusOf } from '../../src/grpc/status.ts'

test('every error of the mesh has the status of docs/errors.md in both protocols', () => {
  for (const [code, entry] of Object.entries(CODES)) {
    const error = new MeshError(code as Code, 'what happened')
    assert.equal(status[statusOf(error).code], entry.grpc, code)
    assert.equal(httpStatusOf(error), entry.http, code)
  }
})

const refused = (...endpoints: (string | undefined)[]): AttemptReport[] =>
  endpoints.map((endpoint) => ({ endpoint, phase: 'connect', ms: 1, cause: 'ECONNREFUSED' }))

function told(attempts: readonly AttemptReport[]): string {
  const details = { hint: 'Is it listening?', endpoint: '10.0.0.1:1' }
  const error = new MeshError('TULLE_CONNECT', 'orders: no connection', details)
  error.attempts = attempts
  return statusOf(error).details
}

test('details are one line: what happened, what was tried, what to do', () => {
  assert.equal(
    told([...refused('10.0.0.2:1', '10.0.0.1:1', '10.0.0.2:1'), ...refused(undefined)]),
    'orders: no connection. Attempts: 2 times 10.0.0.2:1 connect ECONNREFUSED, 10.0.0.1:1 connect ECONNREFUSED, no endpoint connect ECONNREFUSED. Is it listening?',
  )
  const question = new MeshError('TULLE_UNKNOWN_SERVICE', 'did you mean orders?', { hint: 'Look.' })
  assert.equal(statusOf(question).details, 'did you mean orders? Look.')
})

test('details say nothing twice: one attempt is the message, and attempts that are alike are a number', () => {
  const [one, other] = ['10.0.0.1:1', '10.0.0.2:1']
  assert.equal(told(refused(one)), 'orders: no connection. Is it listening?')
  assert.equal(
    told(refused(one, one, one)),
    'orders: no connection. All 3 attempts ended so. Is it listening?',
  )
  assert.match(told(refused(other, other)), /Attempts: 2 times 10\.0\.0\.2:1 connect ECONNREFUSED\./)
  const many = refused(...Array.from({ length: 11 }, (_, i) => `10.0.0.${i}:1`))
  assert.match(told(many), /10\.0\.0\.4:1 connect ECONNREFUSED and 6 others\. Is it listening\?$/)
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
