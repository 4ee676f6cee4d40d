import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { PathReadings } from '../../src/security/path-readings.ts'

test('a path that can be read in one way is not looked at again', () => {
  for (const path of ['/', '/v1/items', '/a.b/c-d_e~f', '/caf\u00e9', '/items/', '/v1.2/x'])
    assert.equal(PathReadings.of(path), undefined, path)
})

test('SECURITY 21: wherever a disguise leads is among the readings', () => {
  for (const [path, leadsTo] of [
    ['/public/..%2fadmin', '/admin'],
    ['/public/%252e%252e/admin', '/admin'],
    ['/public/..;/admin', '/admin'],
    ['/public/..%5cadmin', '/admin'],
    ['/admin%2fusers', '/admin/users'],
    ['/admin;v=1', '/admin'],
    ['/admin%3fx', '/admin'],
    ['//admin', '/admin'],
    ['/x/%2e%2e/%2e%2e/%2e%2e/admin', '/admin'],
    ['/%c0%afadmin', '/admin'],
    ['/%ff/%2e%2e/admin', '/admin'],
    ['*', '/'],
  ] as const)
    assert.ok(PathReadings.of(path)?.all.includes(leadsTo), `${path}: ${PathReadings.of(path)?.all}`)
})

test('what allows is told where a path leads and where a query would begin', () => {
  const { resolved, cut } = PathReadings.of('/public/..%2fadmin;v=1')!
  assert.deepEqual([resolved, cut], ['/admin', '/public/../admin'])
  const plain = PathReadings.of('/a%20b')!
  assert.deepEqual([plain.resolved, plain.cut], [undefined, undefined])
})

test('any text is read without an error, and every resolved reading stays below the root', () => {
  const piece = fc.constantFrom(
    '..',
    '.',
    '%2e',
    '%2f',
    '%252f',
    '%5c',
    ';',
    '/',
    '\\',
    'a',
    '%',
    '%zz',
    '%ff',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const readings = PathReadings.of(`/${pieces.join('')}`)
      const resolved = readings?.resolved
      if (resolved === undefined) return
      assert.ok(resolved.startsWith('/'))
      assert.ok(!resolved.split('/').includes('..'), resolved)
    }),
  )
})

test('a path is read once for all the permissions of an intention', () => {
  const path = '/a%2fb'
  const readings = PathReadings.of(path)
  assert.equal(PathReadings.of(path), readings)
  assert.notEqual(PathReadings.of('/a%2fc'), readings)
  assert.deepEqual(PathReadings.of(path), readings)
})
