import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import fc from 'fast-check'
import { isMeshError } from '../../src/core/errors.ts'
import { type CanonicalRequest, canonicalise } from '../../src/server/canonical.ts'

const rules = { paths: 'merge-slashes', maxHeaders: 100, rewritable: true } as const

function read(target: string, headers: readonly string[] = [], method = 'GET'): CanonicalRequest | string {
  const req = { rawHeaders: headers, method } as unknown as IncomingMessage
  const result = canonicalise(req, target, rules)
  return isMeshError(result) ? result.code : result
}

function accepted(target: string, headers: readonly string[] = []): CanonicalRequest {
  const result = read(target, headers)
  assert.ok(typeof result === 'object', `${target} was refused`)
  return result
}

test('the query is split off first and never becomes path', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[!$-~]{0,40}$/), (query) => {
      const result = accepted(`//a/../b?${query}`)
      assert.deepEqual([result.path, result.query], ['/b', `?${query}`])
    }),
  )
})

test('a target that is not a path is refused', () => {
  for (const target of [
    '',
    'http://evil/admin',
    'evil:80',
    '*',
    'admin',
    '?a',
    '/a#b',
    '/a?b#c',
    '/a b',
    '/a\tb',
    '/a\u0000',
    '/a\u00a0',
    '/\u00e9',
    '/a\u007f',
  ])
    assert.equal(read(target), 'TULLE_BAD_REQUEST', JSON.stringify(target))
})

test('OPTIONS may ask about the server as a whole', () => {
  const result = read('*', [], 'OPTIONS')
  assert.equal(typeof result === 'object' && result.path, '*')
})

test('two hosts, a host that is none, and a host beside another :authority are refused', () => {
  const refused: readonly (readonly string[])[] = [
    ['Host', 'a', 'host', 'b'],
    ['Host', 'a', 'HOST', 'a'],
    ['Host', 'a/b'],
    ['Host', 'a@b'],
    ['Host', 'a, b'],
    ['Host', 'a b'],
    ['Host', 'a:80:80'],
    ['Host', 'a?b'],
    [':authority', 'a', 'host', 'b'],
  ]
  for (const headers of refused) assert.equal(read('/', headers), 'TULLE_BAD_REQUEST', headers.join(' '))
})

test('a host has one spelling', () => {
  const same: readonly (readonly [string, string])[] = [
    ['Orders.Mesh', 'orders.mesh'],
    ['orders.mesh:80', 'orders.mesh'],
    ['orders.mesh.', 'orders.mesh'],
    ['orders.mesh.:8080', 'orders.mesh:8080'],
    ['[::1]:80', '[::1]'],
    ['', ''],
  ]
  for (const [given, expected] of same) assert.equal(accepted('/', ['host', given]).authority, expected)
  assert.equal(accepted('/', [':authority', 'A:80', 'host', 'a']).authority, 'a')
})

test('control characters in a name or a value are refused', () => {
  for (const bad of ['\u0000', '\r', '\n', '\u000b', '\u001f', '\u007f']) {
    assert.equal(read('/', ['x-a', `1${bad}2`]), 'TULLE_BAD_REQUEST')
    assert.equal(read('/', [`x${bad}a`, '1']), 'TULLE_BAD_REQUEST')
  }
  accepted('/', ['x-a', 'tabs\tand \u00e9 are text'])
})

test('names that others would read as ours are refused, other underscores are not our business', () => {
  const names = [
    'x_tulle_refused',
    'X-Tulle_Id',
    'x_forwarded_client_cert',
    'client_cert',
    'Client_Cert_Chain',
    'grpc_timeout',
    'x_envoy_expected_rq_timeout_ms',
    'content_length',
    'Transfer_Encoding',
  ]
  for (const name of names) assert.equal(read('/', [name, '1']), 'TULLE_BAD_REQUEST', name)
  accepted('/', ['x_request_id', '1', '_', '1'])
})

test('a body whose end is not certain is refused', () => {
  for (const coding of [
    'xchunked',
    'chunked, identity',
    'chunked, chunked',
    'gzip',
    '',
    'chunked;q=1',
    '\tidentity',
  ])
    assert.equal(read('/', ['Transfer-Encoding', coding]), 'TULLE_BAD_REQUEST', coding)
  assert.equal(read('/', ['transfer-encoding', 'gzip', 'transfer-encoding', 'chunked']), 'TULLE_BAD_REQUEST')
  accepted('/', ['transfer-encoding', 'Chunked'])
  accepted('/', ['transfer-encoding', 'gzip , chunked'])
})

test('a hundred headers are accepted and one more is refused', () => {
  const headers = (count: number): string[] =>
    Array.from({ length: count * 2 }, (_, at) => (at % 2 === 0 ? `x-${at}` : '1'))
  accepted('/', headers(100))
  assert.equal(read('/', headers(101)), 'TULLE_HEADERS_TOO_LARGE')
})

test('every line of a repeated header is kept apart', () => {
  const { traceparent, baggage, timeout } = accepted('/', [
    'traceparent',
    'a',
    'Traceparent',
    'b',
    'baggage',
    'c',
    'x-envoy-expected-rq-timeout-ms',
    '5',
  ])
  assert.deepEqual([traceparent, baggage, timeout], [['a', 'b'], ['c'], ['5']])
})

test('names that belong to every object are names like any other', () => {
  const result = accepted('/', ['__proto__', 'a', 'constructor', 'b', 'toString', 'c'])
  assert.equal(result.spoofed, undefined)
  assert.equal(Object.getPrototypeOf(result.traceparent), Array.prototype)
})

test('something that routes first gets no rewritten path, only a refusal', () => {
  const req = { rawHeaders: [], method: 'GET' } as unknown as IncomingMessage
  const routed = { ...rules, rewritable: false }
  assert.ok(isMeshError(canonicalise(req, '//a', routed)))
  assert.ok(!isMeshError(canonicalise(req, '/a?b=//c', routed)))
})

test('what is refused or taken off is so again and again, whatever plain names came before', () => {
  for (let times = 0; times < 3; times++) {
    assert.equal(accepted('/', ['x-plain', '1', 'X-Tulle-Own', '1', 'x-plain', '2']).spoofed?.length, 1)
    assert.equal(read('/', ['x-plain', '1', 'x_tulle_own', '1']), 'TULLE_BAD_REQUEST')
    assert.equal(read('/', ['x-plain', 'a\u0000b']), 'TULLE_BAD_REQUEST')
    assert.equal(read('/', ['x-plain\u0001', '1']), 'TULLE_BAD_REQUEST')
  }
})

test('a name is remembered as it was written: another spelling is read afresh', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Za-z-]{1,20}$/), (name) => {
      const first = read('/', [name, '1'])
      assert.deepEqual(read('/', [name, '1']), first)
      assert.deepEqual(read('/', [name.toUpperCase(), '1']), first)
    }),
  )
})

test('what was taken for usual before is judged anew where it differs', () => {
  const given = ['host', 'a.example', 'Connection', 'close', 'accept', '*/*']
  for (let again = 0; again < 2; again++) assert.equal(accepted('/a', given).authority, 'a.example')
  for (const [name, value] of [
    ['accept', '*/\u0001*'],
    ['Connection', 'cl\rose'],
    ['host', 'a.exam\nple'],
  ] as const)
    assert.equal(read('/a', [name, value]), 'TULLE_BAD_REQUEST')
  assert.equal(accepted('/a', ['Host', 'A.Example:80']).authority, 'a.example')
  assert.equal(read('/a', ['host', 'a b']), 'TULLE_BAD_REQUEST')
  assert.equal(accepted('/a', given).authority, 'a.example')
})

test('a usual target is the same in every mode, query or none', () => {
  const text = fc.stringMatching(/^(?:\/[\w~!$&'()*+,;=:@.%-]{0,4}){0,4}$/)
  fc.assert(
    fc.property(
      text,
      fc.constantFrom('none', 'base', 'merge-slashes', 'decode-and-merge-slashes'),
      (path, paths) => {
        const judge = (target: string): unknown => {
          const request = canonicalise(
            { rawHeaders: [], method: 'GET' } as unknown as IncomingMessage,
            target,
            { ...rules, paths },
          )
          return isMeshError(request) ? request.message : request.path
        }
        // A query takes the long way.
        if (path !== '') assert.equal(judge(path), judge(`${path}?q`))
      },
    ),
    { numRuns: 1000 },
  )
})
