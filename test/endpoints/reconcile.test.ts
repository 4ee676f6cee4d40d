import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { makeTable } from '../kit/table.ts'

const spec = fc.record({
  address: fc.constantFrom('10.0.0.1', '10.0.0.2', '::1'),
  port: fc.integer({ min: 1, max: 5 }),
  weight: fc.option(fc.constantFrom(0, 1, 2, -1, Number.NaN), { nil: undefined }),
})

test('after any sequence of sets the table knows exactly the last one, and an address that stayed is the same object', () => {
  fc.assert(
    fc.property(fc.array(fc.array(spec, { maxLength: 12 }), { maxLength: 8 }), (sets) => {
      const { table } = makeTable(0)
      for (const endpoints of sets) {
        const before = new Map(table.endpoints.map((endpoint) => [endpoint.id, endpoint]))
        table.apply({ endpoints })
        const expected = new Set(
          endpoints.map(({ address, port }) => (address === '::1' ? `[::1]:${port}` : `${address}:${port}`)),
        )
        // Another order alone changes nothing.
        assert.deepEqual(table.endpoints.map(({ id }) => id).sort(), [...expected].sort())
        assert.equal(table.ready, true)
        for (const endpoint of table.endpoints) {
          assert.equal(before.get(endpoint.id) ?? endpoint, endpoint)
          assert.ok(endpoint.weight >= 0)
        }
      }
    }),
  )
})

test('an address listed twice counts once, also in the very words of before and beside another identity', () => {
  const { table } = makeTable(0)
  const [a, b] = [4001, 4002].map((port) => ({ address: '127.0.0.1', port }))
  const other = { ...a!, identity: 'spiffe://a/stock' }
  const known = (): unknown => table.endpoints.map(({ port, identity }) => [port, identity])
  table.apply({ endpoints: [b!, a!] })
  table.apply({ endpoints: [a!, b!, a!, b!] })
  assert.deepEqual(known(), [
    [4002, undefined],
    [4001, undefined],
  ])
  const before = table.endpoints[1]
  table.apply({ endpoints: [other, b!, a!] })
  assert.deepEqual(known(), [
    [4001, 'spiffe://a/stock'],
    [4002, undefined],
  ])
  assert.notEqual(table.endpoints[0], before)
  table.apply({ endpoints: [a!, other] })
  assert.deepEqual(known(), [[4001, undefined]])
  assert.equal(table.eject(before!), false)
})

test('an address listed twice counts once, as it is listed first', () => {
  const { table } = makeTable(0)
  const at = { address: '127.0.0.1', port: 4001 }
  table.apply({
    endpoints: [
      { ...at, weight: 5 },
      { ...at, weight: 1 },
    ],
  })
  assert.deepEqual(
    table.endpoints.map(({ id, weight }) => [id, weight]),
    [['127.0.0.1:4001', 5]],
  )
})
