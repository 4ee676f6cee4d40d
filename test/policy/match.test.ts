import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Route, RouteMatch } from '../../src/core/plan.ts'
import { covers, RouteTable } from '../../src/policy/match.ts'

const route = (name: string, match?: RouteMatch): Route => ({
  service: 'orders',
  name,
  match,
  params: {},
  policyVersion: 'v1',
  replayBytes: 0,
  idempotent: false,
  cancel: 'safe',
})

const table = new RouteTable(
  [
    route('read', { path: '/v1/**', method: ['GET', 'HEAD'] }),
    route('pay', { path: '/v1/payments', method: ['POST'] }),
    route('v1', { path: '/v1/**' }),
    route('delete', { method: ['DELETE'] }),
  ],
  route('else'),
)
const find = (method: string, path: string): string => table.find(method, path).name

test('the first route that matches counts', () => {
  assert.equal(find('GET', '/v1/payments'), 'read')
  assert.equal(find('POST', '/v1/payments'), 'pay')
  assert.equal(find('PUT', '/v1/payments'), 'v1')
})

test('a route without a path matches every path, one without a method every method', () => {
  assert.equal(find('DELETE', '/anything'), 'delete')
  assert.equal(find('PATCH', '/v1'), 'v1')
})

test('what no route matches is the service itself', () => {
  assert.equal(find('GET', '/v2'), 'else')
  assert.equal(find('OPTIONS', '*'), 'else')
  assert.equal(find('CONNECT', ''), 'else')
})

test('a match covers another where both its methods and its path do', () => {
  assert.equal(covers({ path: '/v1/**' }, { path: '/v1/a', method: ['GET'] }), true)
  assert.equal(covers({ path: '/v1/**', method: ['GET'] }, { path: '/v1/a' }), false)
  assert.equal(covers({ path: '/v1/**', method: ['GET', 'POST'] }, { path: '/v1/a', method: ['GET'] }), true)
  assert.equal(covers({ method: ['GET'] }, { path: '/a', method: ['GET'] }), true)
  assert.equal(covers({ path: '/a' }, { method: ['GET'] }), false)
})
