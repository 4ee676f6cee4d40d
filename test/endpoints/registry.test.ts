import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pick } from '../../src/endpoints/pick.ts'
import { Endpoints } from '../../src/endpoints/registry.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { Journal, makeAttempt, makePlan } from '../kit/builders.ts'
import { Recorder } from '../kit/hops.ts'
import { seeded } from '../kit/random.ts'
import { makeTable, setOf } from '../kit/table.ts'

function makeRegistry(): Endpoints {
  return new Endpoints({
    clock: new ManualClock(),
    random: seeded(1),
    events: new Journal(),
    reopenOn: [],
    open: () => {
      throw new Error('nothing is picked here')
    },
  })
}

test('a service keeps its table across plans', () => {
  const endpoints = makeRegistry()
  const table = endpoints.reconcile(makePlan())
  const plan = makePlan({ balance: 'random' })
  assert.equal(endpoints.reconcile(plan), table)
  assert.equal(table.plan, plan)
  assert.equal(endpoints.get('orders'), table)
  assert.equal(endpoints.get('stock'), undefined)
})

test('a service that is removed is gone with all it knew', async () => {
  const endpoints = makeRegistry()
  endpoints.reconcile(makePlan()).apply(setOf(3))
  await endpoints.remove('orders')
  assert.equal(endpoints.get('orders'), undefined)
  assert.equal(endpoints.reconcile(makePlan()).endpoints.length, 0)
})

test('what a close still waits for can be cut', async () => {
  const bench = makeTable(0)
  const endpoints = new Endpoints({ ...bench.deps })
  const table = endpoints.reconcile(makePlan())
  table.apply(setOf(1))
  new Recorder().send(pick<undefined>(table), makeAttempt())
  const closing = endpoints.close()
  endpoints.destroy()
  assert.equal(bench.leaves[0]?.destroyed, true)
  await closing
})

test('the view counts what is known, available, ejected and in flight', () => {
  const endpoints = makeRegistry()
  const table = endpoints.reconcile(makePlan())
  table.apply(setOf(3))
  table.endpoints[0]!.eject()
  table.endpoints[1]!.load.inFlight = 2
  const [view] = endpoints.view()
  const { endpoints: list, ...counts } = view!
  assert.deepEqual(counts, {
    service: 'orders',
    ready: true,
    known: 3,
    available: 2,
    ejected: 1,
    panic: false,
    draining: 0,
    inFlight: 2,
  })
  assert.deepEqual(list[0], {
    id: '127.0.0.1:4001',
    weight: 1,
    zone: undefined,
    version: undefined,
    protocol: undefined,
    inFlight: 0,
    expectedMs: 30,
    ejected: true,
  })
})
