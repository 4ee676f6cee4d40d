import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { NO_AMBIENT } from '../../src/core/ambient.ts'
import { InboundCall } from '../../src/server/inbound-call.ts'
import { makeRoute } from '../kit/builders.ts'

function call(rawHeaders: string[], method = 'GET'): InboundCall {
  const req = { rawHeaders } as unknown as IncomingMessage
  const wire = { req, begin: () => () => {} }
  return new InboundCall(wire, method, '/', makeRoute(), { service: 'web' }, {}, NO_AMBIENT)
}

test('every line of a header is a value, in order, however its name is spelt', () => {
  const sent = call(['X-Role', 'user', 'Host', 'orders', 'x-role', 'admin', 'X-ROLE', ''])
  assert.deepEqual(sent.headerValues('x-role'), ['user', 'admin', ''])
})

test('SECURITY 8: what Node takes for a repetition is a value too', () => {
  const sent = call([
    'authorization',
    'good',
    'authorization',
    'bad',
    'content-type',
    'a',
    'content-type',
    'b',
  ])
  assert.deepEqual(sent.headerValues('authorization'), ['good', 'bad'])
  assert.deepEqual(sent.headerValues('content-type'), ['a', 'b'])
})

test('a value that reads like a name is none, and a header that was not sent has no values', () => {
  const sent = call(['x-a', 'x-role', 'x-rolex', 'admin'])
  assert.deepEqual(sent.headerValues('x-role'), [])
  assert.deepEqual(sent.headerValues('admin'), [])
  assert.deepEqual(call([]).headerValues('x-role'), [])
})

test('what is safe by its method may be repeated', () => {
  assert.deepEqual(
    ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'POST', 'PUT', 'DELETE', 'get'].filter(
      (method) => call([], method).idempotent,
    ),
    ['GET', 'HEAD', 'OPTIONS', 'TRACE'],
  )
})

test('the pattern is the framework’s, asked when it is wanted', () => {
  const sent = call([])
  sent.patternOf = () => '/items/:id'
  assert.equal(sent.pattern, '/items/:id')
})
