import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { IdleWatch, type Watched } from '../../src/http/idle.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'

class Body implements Watched {
  idleTicks = 0
  idleLimit = 0
  previous: Watched | undefined
  next: Watched | undefined
  expired = 0
  held = false
  readonly #watch: IdleWatch
  constructor(watch: IdleWatch) {
    this.#watch = watch
  }
  excused(): boolean {
    return this.held
  }
  expire(): void {
    this.expired++
    this.#watch.remove(this)
  }
}

test('a silent body expires within one tick of its limit, one that moves or is held up by its reader does not', () => {
  const clock = new ManualClock()
  const watch = new IdleWatch(clock)
  const [silent, moving, held] = [new Body(watch), new Body(watch), new Body(watch)] as const
  for (const body of [silent, moving, held]) watch.add(body, 3)
  held.held = true
  for (let tick = 1; tick <= 10; tick++) {
    clock.advance(1000)
    moving.idleTicks = 0
    assert.equal(silent.expired, tick > 3 ? 1 : 0)
  }
  assert.deepEqual([moving.expired, held.expired], [0, 0])
  for (const body of [silent, moving, held]) watch.remove(body)
  clock.advance(1000)
  assert.equal(clock.armed, 0, 'at rest there is no timer')
})

test('bodies come and go in any order, and each silent one expires exactly once', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({ at: fc.nat(20), limit: fc.integer({ min: 1, max: 5 }), leaves: fc.option(fc.nat(8)) }),
        {
          maxLength: 20,
        },
      ),
      (plans) => {
        const clock = new ManualClock()
        const watch = new IdleWatch(clock)
        const bodies = plans.map(() => new Body(watch))
        for (let now = 0; now < 60; now++) {
          plans.forEach((plan, i) => {
            if (plan.at === now) watch.add(bodies[i] as Body, plan.limit)
            if (plan.leaves !== null && plan.at + plan.leaves === now) watch.remove(bodies[i] as Body)
          })
          clock.advance(1000)
        }
        plans.forEach((plan, i) => {
          const stays = plan.leaves === null || plan.leaves > plan.limit
          assert.equal(bodies[i]?.expired, stays ? 1 : 0)
        })
        assert.equal(clock.armed, 0)
      },
    ),
  )
})
