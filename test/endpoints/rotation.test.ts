import assert from 'node:assert/strict'
import { test } from 'node:test'
import { balancers } from '../../src/balance/index.ts'
import type { Attempt } from '../../src/core/attempt.ts'
import { outlierPiece } from '../../src/endpoints/outlier.ts'
import type { OutlierParams } from '../../src/endpoints/outlier-policy.ts'
import { makeAttempt, makeCall } from '../kit/builders.ts'
import { makeTable, type TestTable } from '../kit/table.ts'

const rules = (more: Partial<OutlierParams>, balance = 'round-robin') => ({
  balance,
  outlier: { ...(outlierPiece.defaults as OutlierParams), ...more },
})

/** Which of the endpoints get a call in so many picks. */
function reached(
  { table, clock }: TestTable,
  picks: number,
  more: Partial<Attempt<undefined>> = {},
): Set<number> {
  const seen = new Set<number>()
  for (let n = 0; n < picks; n++) {
    const endpoint = table.pick(makeAttempt({ startedMs: clock.now(), ...more }))
    if (endpoint !== undefined) seen.add(endpoint.port - 4000)
  }
  return seen
}

test('no more than maxEjectedPercent of the endpoints are ejected, but one always may where there are two', () => {
  for (const [count, maxEjectedPercent, expected] of [
    [1, 0.5, 0],
    [2, 0.1, 1],
    [3, 0.5, 1],
    [4, 0.5, 2],
    [10, 0.3, 3],
    [10, 0, 1],
    [10, 1, 10],
  ] as const) {
    const { table } = makeTable(count, rules({ maxEjectedPercent }))
    const ejected = table.endpoints.filter((endpoint) => endpoint.eject()).length
    assert.equal(ejected, expected, `${maxEjectedPercent} of ${count}`)
    assert.equal(table.ejected, expected)
  }
})

test('an ejected endpoint gets no call, a re-admitted one does', () => {
  const bench = makeTable(3, rules({}))
  const [first] = bench.table.endpoints
  first!.eject()
  assert.deepEqual(reached(bench, 100), new Set([2, 3]))
  first!.readmit()
  assert.deepEqual(reached(bench, 100), new Set([1, 2, 3]))
})

test('even where all others were tried, an ejected endpoint gets no call', () => {
  const bench = makeTable(3, rules({}))
  const [first, second, third] = bench.table.endpoints
  first!.eject()
  assert.deepEqual(reached(bench, 20, { number: 3, tried: new Set([second!, third!]) }), new Set([2, 3]))
})

test('a call that could reach none of the others tries an ejected endpoint before it is lost, each once', () => {
  const bench = makeTable(3, rules({ maxEjectedPercent: 1 }))
  const [first, second, third] = bench.table.endpoints
  first!.eject()
  const unreached = (...tried: (typeof first)[]) =>
    reached(bench, 20, { number: 2, unreached: true, tried: new Set(tried as object[]) as never })
  assert.deepEqual(unreached(second), new Set([3]), 'another in rotation is untried')
  assert.deepEqual(unreached(second, third), new Set([1]))
  assert.deepEqual(unreached(first, second, third), new Set([2, 3]))
})

test('an offered probe takes the next call that may be repeated, and only one', () => {
  const bench = makeTable(3, rules({}))
  const [first] = bench.table.endpoints
  first!.eject()
  first!.offerProbe()
  first!.offerProbe()
  const ports = Array.from(
    { length: 20 },
    () => bench.table.pick(makeAttempt({ startedMs: bench.clock.now() }))!.port,
  )
  assert.equal(ports[0], 4001)
  assert.equal(ports.filter((port) => port === 4001).length, 1)
  first!.offerProbe()
  assert.equal(bench.table.pick(makeAttempt({ startedMs: bench.clock.now() })), first)
})

test('a call that must not be repeated is no probe for one base period; then any call is', () => {
  const bench = makeTable(3, rules({}))
  const [first] = bench.table.endpoints
  first!.eject()
  first!.offerProbe()
  const single = [
    makeCall({ method: 'POST' }),
    makeCall({ replayable: false }),
    makeCall({ options: { retry: false } }),
  ]
  bench.clock.advance(999)
  for (const call of single) assert.deepEqual(reached(bench, 20, { call }), new Set([2, 3]))
  bench.clock.advance(1)
  assert.equal(bench.table.pick(makeAttempt({ startedMs: bench.clock.now(), call: single[0]! })), first)
})

test('a retry is never the probe', () => {
  const bench = makeTable(3, rules({}))
  const [first, second] = bench.table.endpoints
  first!.eject()
  first!.offerProbe()
  bench.clock.advance(60_000)
  assert.deepEqual(reached(bench, 20, { number: 2, tried: new Set([second!]) }), new Set([3]))
})

test('a call that waits takes the probe when it looks again: nothing else may come', () => {
  const bench = makeTable(2, rules({}))
  const [first] = bench.table.endpoints
  first!.eject()
  first!.offerProbe()
  const again = makeAttempt({ startedMs: bench.clock.now(), number: 7 })
  assert.equal(bench.table.pick(again), first)
})

test('an offer dies with the re-admission or the removal of its endpoint', () => {
  const bench = makeTable(4, rules({}))
  const [first, second] = bench.table.endpoints
  for (const endpoint of [first!, second!]) {
    endpoint.eject()
    endpoint.offerProbe()
  }
  first!.readmit()
  first!.eject()
  bench.table.apply({
    endpoints: bench.table.endpoints.filter((endpoint) => endpoint !== second).map(({ spec }) => spec),
  })
  assert.deepEqual(reached(bench, 50), new Set([3, 4]))
})

test('panic: below the threshold ejection is ignored and all are used, for every threshold and every balancer', () => {
  const count = 10
  for (const { name } of balancers) {
    for (let percent = 0; percent <= 100; percent += 5) {
      const bench = makeTable(count, rules({ maxEjectedPercent: 1, panicThreshold: percent / 100 }, name))
      for (let ejected = 1; ejected <= count; ejected++) {
        const endpoint = bench.table.endpoints[ejected - 1]!
        assert.equal(endpoint.eject(), true)
        const available = count - ejected
        const panic = available * 100 < count * percent
        const what = `${name}, threshold ${percent} %, ${available} of ${count} available`
        assert.equal(bench.table.panic, panic, what)
        const seen = reached(bench, 200)
        assert.equal(seen.size, panic ? count : available, what)
      }
    }
  }
})

test('panic is told when it begins and when it ends', () => {
  const { table, events } = makeTable(3, rules({ maxEjectedPercent: 1 }))
  const [first, second, third] = table.endpoints
  first!.eject()
  second!.eject()
  third!.eject()
  third!.readmit()
  second!.readmit()
  assert.deepEqual(events.of('panic'), [
    { service: 'orders', available: 1, known: 3, active: true },
    { service: 'orders', available: 2, known: 3, active: false },
  ])
})

test('without any endpoint, or with all ejected and no panic, there is nothing to pick, except a probe', () => {
  const empty = makeTable(0)
  empty.table.apply({ endpoints: [] })
  assert.equal(empty.table.pick(makeAttempt()), undefined)
  assert.equal(empty.table.panic, false)

  const { table } = makeTable(1, rules({ maxEjectedPercent: 1, panicThreshold: 0 }))
  const [only] = table.endpoints
  only!.eject()
  assert.equal(table.pick(makeAttempt()), undefined)
  only!.offerProbe()
  assert.equal(table.pick(makeAttempt()), only)
})
