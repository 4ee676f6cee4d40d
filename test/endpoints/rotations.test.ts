import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { EndpointSpec } from '../../src/core/endpoint.ts'
import { makeAttempt, makeCall } from '../kit/builders.ts'
import { makeTable, type TestTable } from '../kit/table.ts'

type Protocol = EndpointSpec['protocol']
const PROTOCOLS = ['http', 'grpc'] as const

const at = (port: number, protocol?: Protocol): EndpointSpec => ({ address: '127.0.0.1', port, protocol })

function tableOf(...protocols: readonly Protocol[]): TestTable {
  const bench = makeTable(0, { balance: 'round-robin' })
  bench.table.apply({ endpoints: protocols.map((protocol, n) => at(n + 1, protocol)) })
  return bench
}

function reached({ table, clock }: TestTable, protocol: 'http' | 'grpc', picks = 30): number[] {
  const seen = new Set<number>()
  for (let n = 0; n < picks; n++) {
    const call = makeCall({ protocol, idempotent: true })
    const endpoint = table.pick(makeAttempt({ startedMs: clock.now(), call }))
    if (endpoint !== undefined) seen.add(endpoint.port)
  }
  return [...seen].sort()
}

test('a call reaches the endpoints that speak its protocol, and those that say nothing', () => {
  const bench = tableOf('http', 'grpc', undefined, 'grpc')
  assert.deepEqual(reached(bench, 'http'), [1, 3])
  assert.deepEqual(reached(bench, 'grpc'), [2, 3, 4])
  assert.deepEqual(
    bench.table.speaking('http').map(({ port }) => port),
    [1, 3],
  )
  assert.equal(bench.table.endpoints.length, 4)
})

test('where nothing tells them apart both protocols share one rotation', () => {
  const { table, clock } = tableOf(undefined, undefined)
  const ports = [0, 1, 2, 3].map((n) => {
    const call = makeCall({ protocol: PROTOCOLS[n % 2]! })
    return table.pick(makeAttempt({ startedMs: clock.now(), call }))?.port
  })
  assert.deepEqual(ports, [ports[0], ports[1], ports[0], ports[1]], 'in turn, over both')
  assert.notEqual(ports[0], ports[1])
  assert.equal(table.speaking('http'), table.speaking('grpc'))
})

test('gRPC ports that fail do not use up the share of ejections that HTTP ports have, nor bring them panic', () => {
  const bench = tableOf('http', 'http', 'grpc', 'grpc')
  const [a, b, c, d] = bench.table.endpoints
  assert.deepEqual([c!.eject(), d!.eject()], [true, false], 'half of the gRPC ports')
  assert.deepEqual([a!.eject(), b!.eject()], [true, false], 'and half of the HTTP ports')
  assert.equal(bench.table.ejected, 2)
  assert.deepEqual(reached(bench, 'http'), [2])
  assert.deepEqual(reached(bench, 'grpc'), [4])
})

test('an endpoint of both protocols is ejected and probed in both, by one call', () => {
  const bench = tableOf('http', 'grpc', undefined)
  const both = bench.table.endpoints[2]!
  assert.equal(both.eject(), true)
  assert.deepEqual(reached(bench, 'http'), [1])
  assert.deepEqual(reached(bench, 'grpc'), [2])
  both.offerProbe()
  const probe = (protocol: 'http' | 'grpc') =>
    bench.table.pick(makeAttempt({ startedMs: bench.clock.now(), call: makeCall({ protocol }) }))?.port
  assert.equal(probe('grpc'), 3)
  assert.deepEqual(reached(bench, 'http'), [1], 'it was taken')
  both.readmit()
  assert.deepEqual(reached(bench, 'http'), [1, 3])
  assert.deepEqual(reached(bench, 'grpc'), [2, 3])
})

test('a probe that is offered stays offered when the protocols part and when they come together', () => {
  for (const [before, after] of [
    [
      [undefined, undefined],
      [undefined, undefined, 'http'],
    ],
    [
      [undefined, undefined, 'http'],
      [undefined, undefined],
    ],
  ] as const) {
    const bench = tableOf(...before)
    const [first] = bench.table.endpoints
    first!.eject()
    first!.offerProbe()
    bench.table.apply({ endpoints: after.map((protocol, n) => at(n + 1, protocol)) })
    const call = makeCall({ protocol: 'grpc', idempotent: true })
    assert.equal(bench.table.pick(makeAttempt({ startedMs: bench.clock.now(), call })), first)
  }
})

test('an address that speaks another protocol than before is another endpoint: its transport is opened anew', () => {
  const { table, leaves } = tableOf(undefined)
  const [before] = table.endpoints
  before!.hop('http')
  table.apply({ endpoints: [at(1, 'grpc')] })
  assert.notEqual(table.endpoints[0], before)
  assert.equal(table.endpoints[0]!.protocol, 'grpc')
  assert.equal(leaves[0]!.closed, true)
})

test('panic ends where the rotation it was in does', () => {
  const { table, events } = tableOf('http', 'grpc', 'grpc', 'grpc')
  for (const endpoint of table.endpoints.slice(1)) endpoint.ejected = true
  table.apply({ endpoints: [...table.endpoints.map(({ spec }) => spec), at(9, 'grpc')] })
  assert.equal(table.panic, true)
  table.apply({ endpoints: [at(20), at(21)] })
  assert.equal(table.panic, false)
  assert.deepEqual(
    events.of('panic').map(({ active }) => active),
    [true, false],
  )
})

const set = fc.uniqueArray(
  fc.record({
    port: fc.integer({ min: 1, max: 6 }),
    protocol: fc.constantFrom<Protocol>(undefined, 'http', 'grpc'),
  }),
  { selector: ({ port }) => port, maxLength: 6 },
)
const step = fc.oneof(
  fc.record({ do: fc.constant('apply' as const), set }),
  fc.record({
    do: fc.constantFrom('eject' as const, 'readmit' as const, 'offer' as const),
    n: fc.nat({ max: 5 }),
  }),
  fc.record({ do: fc.constant('pick' as const), protocol: fc.constantFrom(...PROTOCOLS) }),
)

test('whatever happens, a call is picked for among its own, and no more of them are ejected than may be', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { table, clock } = makeTable(0)
      const speaks = (protocol: 'http' | 'grpc') =>
        table.endpoints.filter((endpoint) => (endpoint.protocol ?? protocol) === protocol)
      for (const one of steps) {
        if (one.do === 'apply')
          table.apply({ endpoints: one.set.map(({ port, protocol }) => at(port, protocol)) })
        else if (one.do === 'pick') {
          clock.advance(10)
          const call = makeCall({ protocol: one.protocol })
          const picked = table.pick(makeAttempt({ startedMs: clock.now(), call }))
          const among = speaks(one.protocol)
          assert.deepEqual(new Set(table.speaking(one.protocol)), new Set(among))
          assert.equal(picked === undefined, among.length === 0)
          if (picked !== undefined) assert.ok(among.includes(picked))
        } else if (table.endpoints.length > 0) {
          const endpoint = table.endpoints[one.n % table.endpoints.length]!
          if (one.do === 'offer') endpoint.offerProbe()
          else if (one.do === 'readmit') endpoint.readmit()
          else if (endpoint.eject())
            for (const protocol of PROTOCOLS) {
              const among = speaks(protocol)
              if (!among.includes(endpoint)) continue
              const ejected = among.filter((other) => other.ejected).length
              assert.ok(ejected <= Math.max(1, among.length / 2), `${ejected} of ${among.length}`)
            }
          assert.equal(table.ejected, table.endpoints.filter(({ ejected }) => ejected).length)
        }
      }
    }),
    { numRuns: 500 },
  )
})
