import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { factsOf, headersOf, pathOf, waitOf } from '../../src/control/consul-request.ts'
import type { ConsulRequest } from '../../src/core/consul.ts'

const GET: ConsulRequest = { method: 'GET', path: '/v1/health/connect/orders' }

test('a question without an index, or without a wait, is answered at once', () => {
  assert.equal(waitOf({ ...GET, waitMs: 1000 }), 0)
  assert.equal(waitOf({ ...GET, waitMs: 1000, index: 0 }), 0)
  assert.equal(waitOf({ ...GET, index: 7 }), 0)
  assert.equal(waitOf({ ...GET, index: 7, waitMs: -1 }), 0)
  assert.equal(waitOf({ ...GET, index: 7, waitMs: 1000.7 }), 1000)
})

test('reading is stale unless it says otherwise, and only a wait sends the index', () => {
  assert.equal(pathOf(GET, {}, 0), '/v1/health/connect/orders?stale')
  assert.equal(pathOf({ ...GET, index: 7 }, {}, 0), '/v1/health/connect/orders?stale')
  assert.equal(pathOf({ ...GET, index: 7 }, {}, 500), '/v1/health/connect/orders?index=7&wait=500ms&stale')
  assert.equal(pathOf({ ...GET, consistency: 'default' }, {}, 0), '/v1/health/connect/orders')
  assert.equal(pathOf({ method: 'PUT', path: '/v1/kv/a' }, {}, 0), '/v1/kv/a')
})

test('namespace and partition are the link’s unless the request has its own; an empty one is none', () => {
  const link = { namespace: 'team', partition: 'eu' }
  assert.equal(pathOf({ ...GET, consistency: 'default' }, link, 0), `${GET.path}?ns=team&partition=eu`)
  const query = { ns: 'other', dc: undefined, filter: 'a == "b"' }
  assert.equal(
    pathOf({ ...GET, query, consistency: 'default' }, link, 0),
    `${GET.path}?partition=eu&ns=other&filter=a%20%3D%3D%20%22b%22`,
  )
  assert.equal(
    pathOf({ ...GET, consistency: 'default' }, { namespace: '', partition: undefined }, 0),
    GET.path,
  )
})

test('no value of a query gets out of its place', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (value) => {
      const url = new URL(pathOf({ ...GET, query: { filter: value } }, {}, 0), 'http://consul')
      assert.equal(url.searchParams.get('filter'), value)
      assert.deepEqual([...url.searchParams.keys()], ['filter', 'stale'])
      assert.equal(url.pathname, GET.path)
    }),
  )
})

test('the token goes in its own header, never in the path, beside what a proxy asks for', () => {
  const headers = headersOf(GET, 's3cret', 'user:pass')
  assert.deepEqual(headers, {
    accept: 'application/json',
    'x-consul-token': 's3cret',
    authorization: `Basic ${btoa('user:pass')}`,
  })
  assert.equal(headersOf({ ...GET, body: {} }, undefined, undefined)['content-type'], 'application/json')
  const bytes = { ...GET, body: new Uint8Array(), expects: 'bytes' } as const
  assert.deepEqual(headersOf(bytes, undefined, undefined), {
    accept: '*/*',
    'content-type': 'application/octet-stream',
  })
})

test('FAULTS 23: an index that is none is not believed', () => {
  for (const text of ['0', '-1', '1.5', '1e3', 'abc', '', '9'.repeat(17), '9007199254740993', undefined])
    assert.equal(factsOf({ 'x-consul-index': text }).index, undefined, text)
  assert.equal(factsOf({ 'x-consul-index': ['1', '2'] }).index, undefined)
  assert.equal(factsOf({ 'x-consul-index': '42' }).index, 42)
})

test('whether something was left out, and whether there is a leader, is as the agent says', () => {
  assert.deepEqual(factsOf({}), { index: undefined, filtered: false, knownLeader: undefined })
  const { filtered, knownLeader } = factsOf({
    'x-consul-results-filtered-by-acls': 'true',
    'x-consul-knownleader': 'false',
  })
  assert.deepEqual([filtered, knownLeader], [true, false])
})
