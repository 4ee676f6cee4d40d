import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Deadlines } from '../../src/server/deadlines.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'

test('each is told at its time, unless it was taken out before, whatever else comes and goes', () => {
  const step = fc.record({ waitMs: fc.nat(20), forMs: fc.nat(50), endsAfterMs: fc.nat(60) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const clock = new ManualClock()
      const deadlines = new Deadlines(clock)
      const told = new Map<number, number>()
      const expected = new Map<number, number>()
      const start = clock.now()
      steps.forEach(({ waitMs, forMs, endsAfterMs }, index) => {
        clock.advance(waitMs)
        const nowMs = clock.now() - start
        const due = deadlines.add(clock.now() + forMs, {
          overdue: () => told.set(index, clock.now() - start),
        })
        clock.after(endsAfterMs, () => deadlines.delete(due))
        if (forMs < endsAfterMs) expected.set(index, nowMs + forMs)
        else if (forMs === endsAfterMs) expected.set(index, -1)
      })
      clock.advance(200)
      // At one and the same moment either may be first.
      for (const [index, at] of expected) {
        if (at === -1) told.delete(index)
        else assert.equal(told.get(index), at)
      }
      for (const index of told.keys()) assert.ok(expected.has(index))
      assert.equal(deadlines.size, 0)
      assert.equal(clock.armed, 0)
    }),
  )
})

test('requests that are answered in time share one timer, which an earlier deadline brings forward', () => {
  const clock = new ManualClock()
  const deadlines = new Deadlines(clock)
  const nobody = { overdue: () => assert.fail('it was answered') }
  for (let count = 0; count < 100; count++) {
    const due = deadlines.add(clock.now() + 5000, nobody)
    clock.advance(1)
    deadlines.delete(due)
    assert.equal(clock.armed, 1)
  }
  let at = 0
  deadlines.add(clock.now() + 10, { overdue: () => (at = clock.now()) })
  const startMs = clock.now()
  clock.advance(4000)
  assert.equal(at, startMs + 10)
  assert.equal(clock.armed, 0)
})

test('one that is told may end the others and begin new ones', () => {
  const clock = new ManualClock()
  const deadlines = new Deadlines(clock)
  const told: string[] = []
  const first = {
    overdue: () => {
      told.push('first')
      deadlines.delete(second)
      deadlines.add(clock.now() + 5, { overdue: () => told.push('third') })
    },
  }
  deadlines.add(clock.now() + 10, first)
  const second = deadlines.add(clock.now() + 10, { overdue: () => told.push('second') })
  clock.advance(20)
  assert.deepEqual(told, ['first', 'third'])
})

test('one that throws keeps none of the others waiting', () => {
  const clock = new ManualClock()
  const deadlines = new Deadlines(clock)
  const told: string[] = []
  const at = clock.now()
  deadlines.add(at + 10, {
    overdue: () => {
      throw new Error('an abort listener of the application')
    },
  })
  deadlines.add(at + 10, { overdue: () => told.push('second') })
  deadlines.add(at + 20, { overdue: () => told.push('third') })
  assert.throws(() => clock.advance(10), /an abort listener/)
  assert.deepEqual(told, ['second'])
  clock.advance(10)
  assert.deepEqual(told, ['second', 'third'])
})

test('a deadline beyond the longest timer is waited for in more than one', () => {
  const clock = new ManualClock()
  const deadlines = new Deadlines(clock)
  let told = 0
  deadlines.add(clock.now() + 2 ** 32, { overdue: () => told++ })
  clock.advance(2 ** 32 - 1)
  assert.equal(told, 0)
  clock.advance(1)
  assert.equal(told, 1)
  assert.equal(clock.armed, 0)
})
