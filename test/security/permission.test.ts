import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compilePattern } from '../../src/control/linear-pattern.ts'
import type { HttpWire } from '../../src/security/intention-wire.ts'
import { NotUnderstood } from '../../src/security/not-understood.ts'
import { Permission } from '../../src/security/permission.ts'
import { access } from '../kit/intentions.ts'

const matches = (Action: 'allow' | 'deny', HTTP: HttpWire, request: Parameters<typeof access>[1]): boolean =>
  new Permission({ Action, HTTP }, 'a permission', compilePattern).matches(access('web', request))

test('every condition must hold', () => {
  const http = {
    PathPrefix: '/v1/',
    Methods: ['GET', 'HEAD'],
    Header: [
      { Name: 'x-a', Exact: '1' },
      { Name: 'x-b', Present: true },
    ],
  }
  const headers = { 'x-a': ['1'], 'x-b': [''] }
  for (const action of ['allow', 'deny'] as const) {
    assert.equal(matches(action, http, { path: '/v1/x', headers }), true)
    assert.equal(matches(action, http, { path: '/v2/x', headers }), false)
    assert.equal(matches(action, http, { path: '/v1/x', method: 'POST', headers }), false)
    assert.equal(matches(action, http, { path: '/v1/x', headers: { 'x-a': ['1'] } }), false)
    assert.equal(matches(action, http, { path: '/v1/x', headers: { ...headers, 'x-a': ['2'] } }), false)
  }
})

test('a path is compared whole, from its beginning, or by a regular expression that spans it', () => {
  assert.equal(matches('allow', { PathExact: '/admin' }, { path: '/admin' }), true)
  assert.equal(matches('allow', { PathExact: '/admin' }, { path: '/admin/' }), false)
  assert.equal(matches('allow', { PathPrefix: '/admin' }, { path: '/administration' }), true)
  assert.equal(matches('allow', { PathRegex: '/v[0-9]+/items' }, { path: '/v12/items' }), true)
  assert.equal(matches('allow', { PathRegex: '/v[0-9]+/items' }, { path: '/v12/items/1' }), false)
  assert.equal(matches('allow', { PathRegex: '/v[0-9]+/items' }, { path: '/a/v12/items' }), false)
  assert.equal(matches('allow', { PathRegex: '/a|/b/c' }, { path: '/a/x' }), false, 'alternatives as well')
})

test('SECURITY 2, 21: what denies also looks at the path as an application unescapes it', () => {
  for (const path of ['/admin%2Fusers', '/admin%2fusers']) {
    assert.equal(matches('deny', { PathPrefix: '/admin/' }, { path }), true)
    assert.equal(matches('allow', { PathPrefix: '/admin/' }, { path }), false)
  }
  assert.equal(matches('deny', { PathExact: '/a b' }, { path: '/a%20b' }), true)
  assert.equal(matches('deny', { PathRegex: '/caf.' }, { path: '/caf%C3%A9' }), true)
  assert.equal(matches('deny', { PathPrefix: '/x/' }, { path: '/x%ff' }), false, 'no UTF-8')
  assert.equal(matches('deny', { PathPrefix: '/x/' }, { path: '/x%2f%ff' }), true, 'no UTF-8 behind it')
  assert.equal(matches('deny', { PathExact: '/admin' }, { path: '/admin;x' }), true, 'a query after ;')
  assert.equal(matches('deny', { PathExact: '/admin' }, { path: '/administration' }), false)
})

const DISGUISED = [
  '/public/..%2fadmin',
  '/public/..%2Fadmin',
  '/public/..%5cadmin',
  '/public/%252e%252e/admin',
  '/public/..%252fadmin',
  '/public/..;/admin',
  '/public/..;x=1%2fadmin',
  '/public/a%2f..%2f..%2fadmin',
  '/public/..%2fadmin%2f.',
  '/public%2f..%2fadmin',
]

for (const path of DISGUISED)
  test(`SECURITY 2, 21: ${path} is denied as /admin, and not allowed as something public`, () => {
    assert.equal(matches('deny', { PathPrefix: '/admin' }, { path }), true)
    assert.equal(matches('deny', { PathExact: '/admin' }, { path }), true)
    assert.equal(matches('allow', { PathPrefix: '/public' }, { path }), false)
    assert.equal(matches('allow', { PathRegex: '/public.*' }, { path }), false)
    assert.equal(matches('deny', { PathPrefix: '/other' }, { path }), false)
  })

const SAME_PLACE = [
  '/%2fadmin/users',
  '/%5cadmin%2fusers',
  '/;/admin/users',
  '/;x=1/admin/users',
  '/admin;x=1/users',
  '/admin%3bx/users',
  '/admin%5cusers',
  '/admin%2f%2fusers',
  '/admin/%2e/users',
  '/admin%c0%afusers',
  '/admin%e0%80%afusers',
  '/%c1%a1dmin/users',
  '/admin/users%3fx=1',
  '/x%3f%2f..%2fadmin/users',
  '/admin/users%23x',
]

for (const path of SAME_PLACE)
  test(`SECURITY 2, 21: ${path} is denied as /admin/users`, () => {
    assert.equal(matches('deny', { PathPrefix: '/admin/' }, { path }), true)
    assert.equal(matches('deny', { PathExact: '/admin/users' }, { path }), true)
    assert.equal(matches('deny', { PathRegex: '/admin/.+' }, { path }), true)
    assert.equal(matches('deny', { PathPrefix: '/other' }, { path }), false)
  })

test('SECURITY 2, 21: a path in disguise that ends with a slash is denied with it and without', () => {
  for (const path of [
    '/public/..%2fadmin/',
    '/public/..%2fadmin%2f',
    '/;/admin/',
    '/public/..%2fadmin%2f.',
  ]) {
    assert.equal(matches('deny', { PathPrefix: '/admin/' }, { path }), true, path)
    assert.equal(matches('deny', { PathExact: '/admin' }, { path }), true, path)
  }
})

test('what denies every path denies the server as a whole (OPTIONS *)', () => {
  const request = { path: '*', method: 'OPTIONS' }
  assert.equal(matches('deny', { PathPrefix: '/' }, request), true)
  assert.equal(matches('deny', { PathRegex: '/.*' }, request), true)
  assert.equal(matches('deny', { PathPrefix: '/admin' }, request), false)
  assert.equal(matches('allow', { PathPrefix: '/' }, request), false)
})

test('SECURITY 2, 21: what denies knows no case in paths, as Express does not; what allows does', () => {
  for (const path of ['/ADMIN/users', '/Admin/Users', '/%41dmin%2fusers']) {
    assert.equal(matches('deny', { PathPrefix: '/admin/' }, { path }), true, path)
    assert.equal(matches('deny', { PathExact: '/Admin/users' }, { path }), true, path)
    assert.equal(matches('deny', { PathRegex: '/admin/[a-z]+' }, { path }), true, path)
    assert.equal(matches('allow', { PathPrefix: '/admin/' }, { path }), false, path)
  }
})

test('what denies a path exactly denies it with a slash at its end, and the other way round', () => {
  assert.equal(matches('deny', { PathExact: '/admin' }, { path: '/admin/' }), true)
  assert.equal(matches('deny', { PathExact: '/admin/' }, { path: '/admin' }), true)
  assert.equal(matches('deny', { PathExact: '/admin' }, { path: '/admin/x' }), false)
  assert.equal(matches('allow', { PathExact: '/admin/' }, { path: '/admin' }), false)
})

test('what denies GET denies HEAD, which the same handler answers; what allows GET allows GET', () => {
  const http = { Methods: ['GET'] }
  assert.equal(matches('deny', http, { method: 'HEAD' }), true)
  assert.equal(matches('allow', http, { method: 'HEAD' }), false)
  assert.equal(matches('deny', http, { method: 'POST' }), false)
  assert.equal(matches('deny', { Methods: ['HEAD'] }, { method: 'GET' }), false)
})

test('a method that no request can have is not understood, so that what denies it does not deny nothing', () => {
  for (const method of ['get', 'Post', '', 'GET ', 'G\nET'])
    for (const action of ['allow', 'deny'] as const)
      assert.throws(() => matches(action, { Methods: ['PUT', method] }, {}), NotUnderstood, method)
})

test('what allows goes on allowing escapes and parameters that lead nowhere else', () => {
  for (const path of [
    '/public/@scope%2fname',
    '/public/a%20b',
    '/public/..a',
    '/public/a;v=1',
    '/public/100%25',
  ])
    assert.equal(matches('allow', { PathPrefix: '/public/' }, { path }), true, path)
  assert.equal(matches('allow', { PathPrefix: '/public' }, { path: '/public/a/..%2fb' }), true)
  assert.equal(matches('allow', { PathExact: '/a;v=1' }, { path: '/a;v=1' }), true)
  assert.equal(
    matches('allow', { PathRegex: '.*[.]png' }, { path: '/admin;x.png' }),
    false,
    'a query after ;',
  )
  assert.equal(matches('allow', { PathPrefix: '/' }, { path: '/public/..%2fadmin' }), true)
})

test('gRPC methods are paths, and all of them POST', () => {
  const call = { method: 'POST', path: '/pricing.v1.Pricing/Quote' }
  assert.equal(matches('allow', { PathPrefix: '/pricing.v1.Pricing/' }, call), true)
  assert.equal(matches('allow', { PathExact: '/pricing.v1.Pricing/Quote', Methods: ['POST'] }, call), true)
  assert.equal(matches('allow', { PathExact: '/pricing.v1.Pricing/Quotes' }, call), false)
  assert.equal(matches('allow', { PathPrefix: '/', Methods: ['GET'] }, call), false)
})
