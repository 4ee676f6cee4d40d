import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { nearest } from '../../src/control/nearest.ts'
import { compile } from '../../src/policy/compile.ts'
import { resolveName } from '../../src/policy/names.ts'
import { goodPolicy, PIECES } from '../kit/policy.ts'

const { snapshot } = compile(
  [
    goodPolicy(`
version: 1
services:
  orders: { hosts: [orders.internal:8080, shop, plain.internal:80, legacy.mesh:9000] }
  stock: { hosts: [depot.mesh] }
  billing: {}
`),
  ],
  PIECES,
  { version: 'v1' },
)
const SUFFIXES = ['mesh', 'mesh.internal']

/** What a URL means, as a service name, an error code or nothing. */
function meaning(text: string): string | undefined {
  const { protocol, hostname, port } = new URL(text)
  const resolved = resolveName(snapshot, SUFFIXES, protocol, hostname, port, nearest)
  if (resolved === undefined) return undefined
  return 'plan' in resolved ? resolved.plan.service : resolved.error.code
}

test('mesh names mean their service, in any case, with any suffix, over http and https', () => {
  for (const url of [
    'http://orders.mesh/a',
    'https://orders.mesh/',
    'http://orders.mesh.internal/',
    'http://ORDERS.Mesh./',
    'http://orders.mesh:80/',
    'https://orders.mesh:443/',
  ])
    assert.equal(meaning(url), 'orders', url)
})

test('a service of another datacenter, where discovery knows it, is called by its name and that of the datacenter', () => {
  const known = compile([], PIECES, { version: 'v1', knownServices: ['orders', 'orders.dc2'] }).snapshot
  const service = (host: string) => {
    const resolved = resolveName(known, SUFFIXES, 'http:', host, '')
    return resolved !== undefined && 'plan' in resolved ? resolved.plan.service : resolved?.error.code
  }
  assert.equal(service('orders.dc2.mesh'), 'orders.dc2')
  assert.equal(service('Orders.DC2.mesh.internal'), 'orders.dc2')
  assert.equal(service('orders.mesh'), 'orders')
  assert.equal(service('orders.dc3.mesh'), 'TULLE_UNKNOWN_SERVICE')
})

test('a port on a mesh name is a mistake that says so', () => {
  assert.equal(meaning('http://orders.mesh:8080/'), 'TULLE_BAD_NAME')
  assert.equal(meaning('https://orders.mesh:80/'), 'TULLE_BAD_NAME')
  const resolved = resolveName(snapshot, SUFFIXES, 'http:', 'orders.mesh', '8080')
  assert.ok(resolved !== undefined && 'error' in resolved)
  assert.equal(resolved.error.message, 'orders.mesh:8080: a mesh name carries no port; write orders.mesh')
})

test('a mesh name without a service is a mistake', () => {
  for (const host of ['.mesh', 'mesh', 'mesh.internal', '.mesh.internal.']) {
    const resolved = resolveName(snapshot, SUFFIXES, 'http:', host, '')
    assert.ok(resolved !== undefined && 'error' in resolved, host)
    assert.equal(resolved.error.code, 'TULLE_BAD_NAME')
  }
})

test('an unknown mesh name is refused with the nearest name, and never passes through', () => {
  const resolved = resolveName(snapshot, SUFFIXES, 'http:', 'oders.mesh.internal', '', nearest)
  assert.ok(resolved !== undefined && 'error' in resolved)
  assert.equal(resolved.error.code, 'TULLE_UNKNOWN_SERVICE')
  assert.equal(
    resolved.error.message,
    'oders.mesh.internal: no service "oders" is known; did you mean orders.mesh.internal?',
  )
  assert.equal(meaning('http://a.orders.mesh/'), 'TULLE_UNKNOWN_SERVICE')
  assert.equal(meaning('http://__proto__.mesh/'), 'TULLE_UNKNOWN_SERVICE')
})

test('a claimed host means its service at the port that was claimed', () => {
  assert.equal(meaning('http://orders.internal:8080/'), 'orders')
  assert.equal(meaning('http://Orders.Internal.:8080/'), 'orders')
  assert.equal(meaning('http://orders.internal/'), undefined)
  assert.equal(meaning('http://orders.internal:8081/'), undefined)
})

test('a host claimed without a port means port 80', () => {
  assert.equal(meaning('http://shop/'), 'orders')
  assert.equal(meaning('http://shop:80/'), 'orders')
  assert.equal(meaning('http://shop:8080/'), undefined)
})

test('a policy takes TLS away from nobody: a claimed host under https passes through', () => {
  assert.equal(meaning('http://plain.internal/'), 'orders')
  for (const url of ['https://plain.internal/', 'https://shop/', 'https://orders.internal:8080/'])
    assert.equal(meaning(url), undefined, url)
  assert.equal(meaning('https://depot.mesh/'), 'stock')
})

test('policy may claim a mesh name that is no service, with a port even', () => {
  assert.equal(meaning('http://depot.mesh/'), 'stock')
  assert.equal(meaning('http://legacy.mesh:9000/'), 'orders')
})

test('every other origin is none of ours', () => {
  for (const url of [
    'http://example.com/',
    'http://127.0.0.1:4001/',
    'http://[::1]/',
    'http://smesh/',
    'http://orders/',
  ])
    assert.equal(meaning(url), undefined, url)
})

test('a name below a mesh suffix never passes through, whatever stands before it', () => {
  const label = fc.stringMatching(/^[a-zA-Z0-9._-]{0,20}$/)
  fc.assert(
    fc.property(
      label,
      fc.constantFrom(...SUFFIXES),
      fc.constantFrom('', '80', '81'),
      (name, suffix, port) => {
        assert.notEqual(resolveName(snapshot, SUFFIXES, 'http:', `${name}.${suffix}`, port), undefined)
      },
    ),
  )
})
