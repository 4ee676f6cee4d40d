import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseSpiffeId, serviceOf, spiffeIdOf, withService } from '../../src/identity/spiffe-id.ts'

const ID = 'spiffe://test.example/ns/default/dc/dc1/svc/orders'

test('what the standard allows is an ID, letter by letter', () => {
  for (const [text, trustDomain, ...segments] of [
    ['spiffe://example.org', 'example.org'],
    ['spiffe://a_b-c.1', 'a_b-c.1'],
    ['spiffe://td/a', 'td', 'a'],
    ['spiffe://td/A.b_c-9/...', 'td', 'A.b_c-9', '...'],
    ['spiffe://11111111-2222-3333-4444-555555555555.consul/ns/default/dc/dc1/svc/web'].flatMap((id) => [
      id,
      ...id.slice(9).split('/'),
    ]),
    [`spiffe://${'a'.repeat(255)}`, 'a'.repeat(255)],
  ] as const) {
    const id = parseSpiffeId(text!)
    assert.ok(typeof id !== 'string', `${text}: ${String(id)}`)
    assert.deepEqual(id, { text, trustDomain, segments })
  }
})

test('whatever a web address may have and an ID may not is refused', () => {
  for (const text of [
    '',
    'spiffe:',
    'spiffe:/td',
    'spiffe://',
    'spiffe:///path',
    'SPIFFE://td/a',
    'Spiffe://td/a',
    'https://td/a',
    'spiffe://TD/a',
    'spiffe://td:8443/a',
    'spiffe://user@td/a',
    'spiffe://td%20/a',
    'spiffe://t\u00fcr/a',
    'spiffe://td/',
    'spiffe://td//a',
    'spiffe://td/a/',
    'spiffe://td/./a',
    'spiffe://td/a/..',
    'spiffe://td/%61',
    'spiffe://td/a?q=1',
    'spiffe://td/a#f',
    'spiffe://td/a b',
    'spiffe://td/a\n',
    'spiffe://td\n/a',
    'spiffe://td/a\0',
    'spiffe://td/\u00e9',
    'spiffe://td/a:b',
    ' spiffe://td/a',
    `spiffe://${'a'.repeat(256)}`,
    `spiffe://td/${'a'.repeat(2040)}`,
  ])
    assert.equal(typeof parseSpiffeId(text), 'string', JSON.stringify(text))
})

test('an ID has at most 2048 bytes', () => {
  assert.equal(typeof parseSpiffeId(`spiffe://td/${'a'.repeat(2048 - 12)}`), 'object')
  assert.equal(typeof parseSpiffeId(`spiffe://td/${'a'.repeat(2048 - 11)}`), 'string')
})

test('any text is an ID or is refused; an ID is made of what it was read from', () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }).map((rest) => `spiffe://td/${rest}`),
  )
  fc.assert(
    fc.property(text, (any) => {
      const id = parseSpiffeId(any)
      if (typeof id === 'string') return
      assert.equal(['spiffe:/', id.trustDomain, ...id.segments].join('/'), any)
      assert.ok(id.segments.every((segment) => /^[A-Za-z0-9._-]+$/.test(segment)))
    }),
  )
})

test('SECURITY 14: what was read cannot be changed afterwards', () => {
  const id = parseSpiffeId(ID)
  assert.ok(typeof id !== 'string')
  assert.throws(() => Object.assign(id, { trustDomain: 'evil' }), TypeError)
  assert.throws(() => (id.segments as string[]).push('evil'), TypeError)
})

test('the service is the last segment of the shape that Consul uses, and of no other', () => {
  assert.equal(serviceOf(ID), 'orders')
  assert.equal(spiffeIdOf('test.example', 'dc1', 'orders'), ID)
  for (const id of [
    'spiffe://test.example/svc/orders',
    'spiffe://test.example/ns/default/dc/dc1/svc/orders/extra',
    'spiffe://test.example/dc/default/ns/dc1/svc/orders',
    'spiffe://test.example/ns/default/dc/dc1/svc/',
    'spiffe://test.example',
    'orders',
  ])
    assert.equal(serviceOf(id), undefined, id)
})

test("a neighbour's ID is ours with its name in the place of our own", () => {
  assert.equal(withService(ID, 'orders', 'billing'), 'spiffe://test.example/ns/default/dc/dc1/svc/billing')
  assert.equal(withService('spiffe://td/orders', 'orders', 'billing'), 'spiffe://td/billing')
  assert.equal(withService(ID, 'rders', 'billing'), undefined)
  assert.equal(withService('spiffe://orders', 'orders', 'billing'), undefined)
  for (const other of ['', '..', 'a/b', 'a b', 'a?b', '%61'])
    assert.equal(withService(ID, 'orders', other), undefined)
})
