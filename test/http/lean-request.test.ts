import assert from 'node:assert/strict'
import { test } from 'node:test'
import { leanly } from '../kit/lean.ts'

test('a plain request is taken apart once: origin, path, method, body, and the URL of its answer', () => {
  const request = leanly('http://Orders.mesh/a/../b?c=é#part', { method: 'post', body: 'é' })
  assert.equal(request?.origin, 'http://orders.mesh')
  assert.equal(request?.path, '/b?c=%C3%A9')
  assert.equal(request?.method, 'POST')
  assert.equal(request?.body, 'é')
  assert.equal(request?.url, 'http://orders.mesh/b?c=%C3%A9')
  assert.match(request?.href ?? '', /#part$/)
})

test('bytes are those of the moment of the call', () => {
  const body = new Uint8Array([1, 2, 3])
  const request = leanly('http://orders.mesh/', { method: 'PUT', body: body.subarray(1) })
  body.fill(0)
  assert.deepEqual(request?.body, new Uint8Array([2, 3]))
})

test('options that ask for nothing stay lean', () => {
  const { signal } = new AbortController()
  for (const init of [
    null,
    {},
    { redirect: 'follow' },
    { duplex: 'half' },
    { signal },
    { signal: null },
    { body: null },
  ])
    assert.ok(leanly('http://orders.mesh/', init), JSON.stringify(init))
})

test('what the built-in fetch knows better is left to it', () => {
  const url = 'http://orders.mesh/'
  const inits: unknown[] = [
    'GET',
    { method: 'patch' },
    { method: 'QUERY' },
    { body: 'with a get' },
    { method: 'POST', body: new Blob(['x']) },
    { method: 'POST', body: new FormData() },
    { method: 'POST', body: new ReadableStream(), duplex: 'half' },
    { method: 'POST', body: new Uint8Array(new SharedArrayBuffer(1)) },
    { method: 'POST', body: 5 },
    { redirect: 'manual' },
    { mode: 'no-cors' },
    { cache: 'no-store' },
    { integrity: 'sha256-x' },
    { keepalive: true },
    { signal: {} },
    { headers: new Headers() },
    { headers: { range: 'bytes=0-' } },
    { headers: null },
  ]
  for (const init of inits) assert.equal(leanly(url, init), undefined, JSON.stringify(init))
  for (const input of [
    undefined,
    new Request(url),
    '/relative',
    'data:,x',
    'http://user@orders.mesh/',
    'http://orders.mesh:6000/',
    'http://orders.mesh:21/',
    'http://orders.mesh/?',
  ])
    assert.equal(leanly(input), undefined, String(input))
})
