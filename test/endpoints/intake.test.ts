import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { EndpointSet } from '../../src/core/endpoint.ts'
import { LOOK_EVERY, SLICE_MS } from '../../src/endpoints/intake.ts'
import { ServiceTable } from '../../src/endpoints/table.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { Journal, makeAttempt, makePlan } from '../kit/builders.ts'
import { seeded } from '../kit/random.ts'
import { setOf } from '../kit/table.ts'

/** Every look at it costs a millisecond, as on a machine that needs that for `LOOK_EVERY` endpoints. */
class SlowClock extends ManualClock {
  #spent = 0

  override now(): number {
    this.#spent += 1
    return super.now() + this.#spent
  }

  /** As timers are: never in the turn they were set in. */
  override background(ms: number, fn: () => void): () => void {
    return super.background(Math.max(1, ms), fn)
  }
}

const PER_SLICE = SLICE_MS * LOOK_EVERY

function makeSlowTable() {
  const clock = new SlowClock()
  const events = new Journal()
  const table = new ServiceTable(makePlan({}), {
    clock,
    random: seeded(1),
    events,
    reopenOn: [],
    open: () => {
      throw new Error('nothing is sent')
    },
  })
  return { table, clock, events }
}

/** Turns of the event loop until nothing is left to do, and what was known after each. */
function turns({ table, clock }: ReturnType<typeof makeSlowTable>): number[] {
  const known: number[] = []
  while (clock.armed > 0) {
    clock.advance(1)
    known.push(table.endpoints.length)
  }
  return known
}

const ids = ({ endpoints }: EndpointSet): string[] =>
  endpoints.map(({ address, port }) => `${address}:${port}`)

test('PERFORMANCE T8: a large set is looked through in slices of 128 endpoints and 2 ms, and is in force as a whole in a turn of its own', () => {
  const bench = makeSlowTable()
  let ready = 0
  bench.table.onReady(() => ready++)
  bench.table.apply(setOf(10_000))
  assert.equal(bench.table.ready, false)
  const known = turns(bench)
  const slices = Math.ceil(10_000 / PER_SLICE)
  // The first slice was within `apply`.
  assert.equal(known.length, slices - 1 + 1)
  assert.deepEqual([...new Set(known.slice(0, -1))], [0])
  assert.equal(known.at(-1), 10_000)
  assert.equal(ready, 1)
  assert.equal(bench.events.of('endpoints').length, 1)
})

test('a set that is done within a slice is in force at once', () => {
  const bench = makeSlowTable()
  bench.table.apply(setOf(PER_SLICE))
  assert.equal(bench.table.endpoints.length, PER_SLICE)
  assert.equal(bench.clock.armed, 0)
})

test('until a set is through the last one stays whole: nobody is missing, nobody has a new weight', () => {
  const bench = makeSlowTable()
  const before = setOf(300)
  bench.table.apply(before)
  turns(bench)
  const after = [...setOf(4000).endpoints.slice(150)].map((spec) => ({ ...spec, weight: 3 }))
  bench.table.apply({ endpoints: after })
  while (bench.table.endpoints.length === 300) {
    assert.deepEqual(
      bench.table.endpoints.map(({ id }) => id),
      ids(before),
    )
    assert.ok(bench.table.endpoints.every(({ weight }) => weight === 1))
    assert.equal(bench.table.pick(makeAttempt())?.weight, 1)
    bench.clock.advance(1)
  }
  assert.deepEqual(
    bench.table.endpoints.map(({ id }) => id),
    ids({ endpoints: after }),
  )
  assert.ok(bench.table.endpoints.every(({ weight }) => weight === 3))
  assert.deepEqual(bench.events.of('endpoints').at(-1), {
    service: 'orders',
    added: 3700,
    removed: 150,
    known: 3850,
  })
})

test('of the sets that come while one is looked through only the newest is taken in, and none is begun twice', () => {
  const bench = makeSlowTable()
  bench.table.apply(setOf(1000))
  for (const count of [1500, 2000, 1200]) bench.table.apply(setOf(count))
  const known = turns(bench)
  assert.deepEqual([...new Set(known)], [0, 1000, 1200])
  assert.deepEqual(
    bench.events.of('endpoints').map(({ known: count }) => count),
    [1000, 1200],
  )
})

test('a source that says something else in every turn is heard all the same', () => {
  const bench = makeSlowTable()
  const seen = new Set<number>()
  for (let n = 1; n <= 100; n++) {
    bench.table.apply(setOf(1000 + n))
    bench.clock.advance(1)
    seen.add(bench.table.endpoints.length)
  }
  turns(bench)
  assert.ok(seen.size > 5, `${seen.size} sets were in force`)
  assert.equal(bench.table.endpoints.length, 1100)
})

test('of 10,000 endpoints in the words of before, one that is missing is the only one that goes', () => {
  const bench = makeSlowTable()
  const all = setOf(10_000)
  bench.table.apply(all)
  turns(bench)
  bench.table.apply({ endpoints: all.endpoints.filter((_, n) => n !== 5_000) })
  turns(bench)
  assert.equal(bench.table.endpoints.length, 9_999)
  assert.deepEqual(bench.events.of('endpoints').at(-1), {
    service: 'orders',
    added: 0,
    removed: 1,
    known: 9_999,
  })
})

test('a service that is closed takes in nothing any more, and leaves no timer', async () => {
  const bench = makeSlowTable()
  bench.table.apply(setOf(1000))
  bench.table.apply(setOf(2000))
  await bench.table.close()
  assert.equal(bench.clock.armed, 0)
  assert.equal(bench.table.endpoints.length, 0)
})

test('however a set is cut and whatever comes in between, what is in force in the end is the last set, in its order', () => {
  const address = fc.integer({ min: 0, max: 600 })
  const specs = new Map<number, { address: string; port: number }>()
  const set = fc.uniqueArray(address, { minLength: 100, maxLength: 400 }).map((numbers) => ({
    endpoints: numbers.map((n) => {
      const known = specs.get(n) ?? { address: '10.0.0.1', port: 1000 + n }
      specs.set(n, known)
      return n % 3 === 0 ? { ...known } : known
    }),
  }))
  const plan = fc.array(fc.tuple(set, fc.nat({ max: 6 })), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(plan, (steps) => {
      const bench = makeSlowTable()
      for (const [next, pauses] of steps) {
        bench.table.apply(next)
        for (let n = 0; n < pauses; n++) bench.clock.advance(1)
      }
      turns(bench)
      const last = steps.at(-1)?.[0] as EndpointSet
      assert.deepEqual(bench.table.endpoints.map(({ id }) => id).sort(), ids(last).sort())
      const picked = bench.table.pick(makeAttempt())
      assert.ok(picked !== undefined && ids(last).includes(picked.id))
    }),
    { numRuns: 60 },
  )
})
