import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Attempt } from '../../src/core/attempt.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import { pick } from '../../src/endpoints/pick.ts'
import { makeAttempt, makeCall, makePlan } from '../kit/builders.ts'
import { Recorder } from '../kit/hops.ts'
import { ok, reset } from '../kit/outcomes.ts'
import { makeTable, setOf, type TestTable } from '../kit/table.ts'

function send({ table, clock }: TestTable, more: Partial<Attempt<undefined>> = {}): Recorder {
  return new Recorder().send(pick<undefined>(table), makeAttempt({ startedMs: clock.now(), ...more }))
}

/** Sends until a call arrives at the endpoint, answering all others with success. Needs a table in round robin. */
function reach(bench: TestTable, id: string, outcome: Outcome): void {
  for (let n = 0; n < bench.table.endpoints.length; n++) {
    send(bench)
    const leaf = bench.leaves.find(({ script }) => script.live.length > 0)!
    const hit = leaf.endpoint.id === id
    leaf.script.live[0]!.answer(hit ? outcome : ok())
    if (hit) return
  }
  assert.fail(`${id} was not picked`)
}

test('waiting for readiness ends with the first set, an empty one included', () => {
  const { table } = makeTable(0)
  let woken = 0
  const off = table.onReady(() => woken++)
  table.onReady(() => woken++)
  off()
  assert.equal(table.ready, false)
  table.apply({ endpoints: [] })
  table.apply({ endpoints: [] })
  assert.equal(woken, 1)
  assert.equal(table.ready, true)
  table.onReady(() => woken++)
  assert.equal(woken, 2)
})

test('a transport is opened at the first pick of an endpoint, one per protocol, and then kept', () => {
  const bench = makeTable(1)
  assert.equal(bench.leaves.length, 0)
  send(bench)
  send(bench)
  assert.equal(bench.leaves.length, 1)
  send(bench, { call: makeCall({ protocol: 'grpc' }) })
  assert.equal(bench.leaves.length, 2)
})

test('a set that changes nothing disturbs nothing: same objects, no event', () => {
  const { table, events } = makeTable(3)
  const before = [...table.endpoints]
  table.apply(setOf(3))
  assert.deepEqual(table.endpoints, before)
  assert.equal(events.of('endpoints').length, 1)
})

test('an endpoint that stays keeps its load, its ejection and its transport', () => {
  const bench = makeTable(2, { balance: 'round-robin' })
  reach(bench, '127.0.0.1:4001', ok())
  const [first] = bench.table.endpoints
  first!.eject()
  bench.table.apply({ endpoints: [...setOf(3).endpoints].reverse() })
  assert.ok(bench.table.endpoints.includes(first!))
  assert.equal(first!.ejected, true)
  assert.equal(bench.leaves.filter(({ endpoint }) => endpoint === first).length, 1)
  assert.deepEqual(bench.events.of('endpoints').at(-1), { service: 'orders', added: 1, removed: 0, known: 3 })
})

test('a removed endpoint gets no new call, finishes those it has, and then its transport closes', async () => {
  const bench = makeTable(1)
  const running = send(bench)
  const [leaf] = bench.leaves
  bench.table.apply({ endpoints: [{ address: '127.0.0.1', port: 4002 }] })
  for (let n = 0; n < 50; n++) send(bench)
  assert.equal(leaf!.script.arrived.length, 1)
  assert.equal(leaf!.closed, true)
  assert.equal(bench.table.draining, 1)
  assert.equal(running.ended, false)
  leaf!.script.last.answer(ok())
  leaf!.settle()
  assert.equal(running.outcome?.class, 'success')
  await new Promise(setImmediate)
  assert.equal(bench.table.draining, 0)
})

test('what a removed endpoint still answers neither ejects it nor arms a timer', () => {
  const bench = makeTable(2, { balance: 'round-robin' })
  const running = Array.from({ length: 40 }, () => send(bench))
  const leaf = bench.leaves.find(({ endpoint }) => endpoint.id === '127.0.0.1:4001')!
  bench.table.apply({ endpoints: [{ address: '127.0.0.1', port: 4002 }] })
  for (const arrival of leaf.script.live) arrival.end(reset())
  assert.equal(bench.events.of('ejected').length, 0)
  assert.equal(bench.clock.armed, 0)
  assert.equal(running.filter(({ ended }) => ended).length, 20)
})

test('removal of an ejected endpoint stops its timer, and its return begins anew', () => {
  const bench = makeTable(2, { balance: 'round-robin' })
  for (let n = 0; n < 5; n++) {
    reach(bench, '127.0.0.1:4001', reset())
  }
  assert.equal(bench.table.ejected, 1)
  bench.table.apply({ endpoints: [{ address: '127.0.0.1', port: 4002 }] })
  assert.equal(bench.clock.armed, 0)
  assert.equal(bench.table.ejected, 0)
  bench.table.apply(setOf(2))
  assert.equal(bench.table.ejected, 0)
  reach(bench, '127.0.0.1:4001', ok())
})

test('the same address under another service shares nothing with it', () => {
  const orders = makeTable(2, { balance: 'round-robin' })
  const stock = makeTable(2, { balance: 'round-robin' })
  for (let n = 0; n < 5; n++) reach(orders, '127.0.0.1:4001', reset())
  const here = orders.table.endpoints[0]!
  const there = stock.table.endpoints[0]!
  assert.equal(here.id, there.id)
  assert.equal(here.ejected, true)
  assert.equal(there.ejected, false)
  assert.equal(there.load.ewmaMs, 30)
  reach(stock, there.id, ok())
  const opened = [...orders.leaves, ...stock.leaves].filter(({ endpoint }) => endpoint.id === here.id)
  assert.deepEqual(
    opened.map(({ endpoint }) => endpoint),
    [here, there],
  )
})

test('an address that must prove another identity is another endpoint', () => {
  const bench = makeTable(0)
  const spec = { address: '127.0.0.1', port: 4001 }
  bench.table.apply({ endpoints: [{ ...spec, identity: 'spiffe://a/orders' }] })
  send(bench)
  const [before] = bench.table.endpoints
  bench.table.apply({ endpoints: [{ ...spec, identity: 'spiffe://a/stock' }] })
  assert.notEqual(bench.table.endpoints[0], before)
  assert.equal(bench.leaves[0]!.closed, true)
  assert.equal(bench.table.endpoints[0]!.load.inFlight, 0)
})

test('a new plan with the same words changes nothing; new connect parameters open transports anew', () => {
  const bench = makeTable(1, { connect: { timeout: 1000 } })
  const running = send(bench)
  bench.table.setPlan(makePlan({ connect: { timeout: 1000 } }))
  send(bench)
  assert.equal(bench.leaves.length, 1)
  bench.table.setPlan(makePlan({ connect: { timeout: 2000 } }))
  send(bench)
  assert.equal(bench.leaves.length, 2)
  const [old] = bench.leaves
  assert.equal(old!.closed, true)
  assert.equal(running.ended, false)
  assert.equal(bench.table.endpoints[0]!.load.inFlight, 3, 'the load survives the transport')
})

test('a new balancer is in force at the next pick', () => {
  const bench = makeTable(3)
  bench.table.setPlan(makePlan({ balance: 'round-robin' }))
  for (let n = 0; n < 30; n++) send(bench)
  assert.deepEqual(
    bench.table.endpoints.map(({ load }) => load.inFlight),
    [10, 10, 10],
  )
})

test('a new weight is in force at once, on the same object', () => {
  const bench = makeTable(2, { balance: 'round-robin' })
  const before = [...bench.table.endpoints]
  bench.table.apply({
    endpoints: setOf(2).endpoints.map((spec, n) => ({ ...spec, weight: n === 0 ? 3 : 1 })),
  })
  for (let n = 0; n < 40; n++) send(bench)
  assert.deepEqual(bench.table.endpoints, before)
  assert.equal(before[0]!.load.inFlight, 30)
})

test('what is left when a drain may wait no longer is cut', () => {
  const bench = makeTable(2, { balance: 'round-robin' })
  send(bench)
  send(bench)
  bench.table.apply(setOf(1))
  bench.table.destroy()
  assert.deepEqual(
    bench.leaves.map(({ destroyed }) => destroyed),
    [true, true],
  )
})

test('slots are made once and let go of when the service closes', async () => {
  const { table } = makeTable(1)
  const dropped: object[] = []
  const slot = { name: 'test', make: () => ({}), drop: (value: object) => void dropped.push(value) }
  const value = table.slot(slot)
  assert.equal(table.slot(slot), value)
  const onEndpoint = table.endpoints[0]!.slot(slot)
  assert.notEqual(onEndpoint, value)
  await table.close()
  assert.deepEqual(dropped, [onEndpoint, value])
})
