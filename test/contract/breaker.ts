import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, mock, test } from 'node:test'
import type { Clock } from '../../src/core/ports.ts'
import type { Breaker, Permit } from '../../src/resilience/breaker.ts'

export interface BreakerBench {
  readonly breaker: Breaker
  /** What it announced, in order. */
  readonly states: readonly string[]
}

/** Real timers under the control of `node:test`: a breaker's library may set its own. */
export const mockedClock: Clock = {
  now: () => Date.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, ms)
    return () => clearTimeout(timer)
  },
  background: (ms, fn) => mockedClock.after(ms, fn),
}

/** Lets promises settle. */
export const settled = async (): Promise<void> => {
  for (let n = 0; n < 10; n++) await Promise.resolve()
}

/**
 * What any breaker behind the port must do. `make` builds one on `clock` that opens when more than half of at least
 * 20 calls within 10 s failed, and stays open for 1 s.
 */
export function breakerContract(name: string, make: (clock: Clock) => BreakerBench): void {
  describe(`${name} keeps the contract of breakers`, () => {
    let breaker: Breaker
    let states: readonly string[]
    beforeEach(() => {
      mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: 1_000_000 })
      const bench = make(mockedClock)
      breaker = bench.breaker
      states = bench.states
    })
    afterEach(() => {
      breaker.close()
      mock.timers.reset()
    })

    const take = (): Permit => {
      const permit = breaker.take()
      assert.ok(permit !== undefined, 'a permit was expected')
      return permit
    }
    const finish = async (failed: boolean, times = 1): Promise<void> => {
      for (let n = 0; n < times; n++) {
        if (failed) take().failure(new Error('no'))
        else take().success()
        await settled()
      }
    }
    const open = async (): Promise<void> => {
      await finish(true, 20)
      assert.equal(breaker.admits(), false)
    }
    const advance = async (ms: number): Promise<void> => {
      // In steps: a timer set inside a tick counts from the end of the tick.
      for (let left = ms; left > 0; left -= 100) {
        mock.timers.tick(Math.min(left, 100))
        await settled()
      }
    }

    test('it opens at the last of enough failures, and not before', async () => {
      await finish(true, 19)
      assert.equal(breaker.admits(), true)
      await finish(true)
      assert.equal(breaker.admits(), false)
      assert.equal(breaker.take(), undefined)
      assert.deepEqual(states, ['open'])
    })

    test('exactly the threshold does not open it, more than the threshold does', async () => {
      for (const failed of [true, false, false]) await finish(failed)
      for (let n = 0; n < 30; n++) await finish(n % 2 === 0)
      assert.equal(breaker.admits(), true)
      await finish(true, 2)
      assert.equal(breaker.admits(), false)
    })

    test('calls that have not ended hide nothing: a slow service opens like a fast one', async () => {
      const slow = Array.from({ length: 1000 }, take)
      for (const permit of slow.slice(0, 20)) permit.failure(new Error('late'))
      await settled()
      assert.equal(breaker.admits(), false)
    })

    test('an abandoned permit says nothing', async () => {
      await finish(true, 19)
      for (let n = 0; n < 100; n++) take().abandon()
      await settled()
      assert.equal(breaker.admits(), true)
    })

    test('failures older than the window are forgotten', async () => {
      await finish(true, 19)
      await advance(11_000)
      await finish(true, 19)
      assert.equal(breaker.admits(), true)
      assert.deepEqual(states, [])
    })

    test('half-open it lets exactly one probe through, whose failure opens it again', async () => {
      await open()
      await advance(999)
      assert.equal(breaker.take(), undefined)
      await advance(1)
      const probe = take()
      assert.equal(probe.probe, true)
      assert.equal(breaker.take(), undefined)
      probe.failure(new Error('still down'))
      assert.equal(breaker.take(), undefined)
      await settled()
      assert.equal(breaker.admits(), false)
      assert.deepEqual(states, ['open', 'half-open', 'open'])
      await advance(1000)
      assert.equal(breaker.admits(), true)
    })

    test('an abandoned probe leaves the door to the next', async () => {
      await open()
      await advance(1000)
      take().abandon()
      await settled()
      const second = take()
      assert.equal(second.probe, true)
      second.success()
      await settled()
      assert.deepEqual(states, ['open', 'half-open', 'closed'])
    })

    test('a probe that nobody judges has failed after openFor', async () => {
      await open()
      await advance(1000)
      const probe = take()
      await advance(1000)
      assert.deepEqual(states, ['open', 'half-open', 'open'])
      probe.success()
      await settled()
      assert.equal(breaker.admits(), false, 'its late success changes nothing')
    })

    test('a stale success from before the opening does not close it, a stale failure does not reopen it', async () => {
      const early = Array.from({ length: 21 }, take) as [Permit, ...Permit[]]
      await open()
      await advance(1000)
      early[0].success()
      await settled()
      assert.deepEqual(states, ['open', 'half-open'])
      take().success()
      await settled()
      for (const permit of early.slice(1)) permit.failure(new Error('old news'))
      await settled()
      assert.deepEqual(states, ['open', 'half-open', 'closed'])
    })

    test('a thousand that waited are let back by ones, twos and fours, and nothing trips again', async () => {
      await open()
      await advance(1000)
      take().success()
      await settled()
      const admitted: number[] = []
      for (let step = 0; step < 12; step++) {
        const permits = Array.from({ length: 1000 }, () => breaker.take()).filter(
          (permit) => permit !== undefined,
        )
        admitted.push(permits.length)
        for (const permit of permits) permit.success()
        await advance(100)
      }
      assert.deepEqual(admitted, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000, 1000])
      assert.deepEqual(states, ['open', 'half-open', 'closed'])
    })

    test('after a recovery it counts afresh: it takes as much as the first time to open', async () => {
      await open()
      await advance(1000)
      take().success()
      await settled()
      await advance(2000)
      await finish(true, 19)
      assert.equal(breaker.admits(), true)
      await finish(true)
      assert.equal(breaker.admits(), false)
    })

    test('new parameters apply: closed from the next count on, open from the next opening on', async () => {
      await finish(true, 19)
      breaker.adopt({ errorThreshold: 0.5, minRequests: 5, openFor: 3000, window: 10_000 })
      await finish(true, 4)
      assert.equal(breaker.admits(), true)
      await finish(true)
      assert.equal(breaker.admits(), false)
      await advance(2999)
      assert.equal(breaker.admits(), false)
      await advance(1)
      assert.equal(breaker.admits(), true)
    })

    test('the same parameters again change nothing: a policy may be read anew every second', async () => {
      await finish(true, 19)
      breaker.adopt({ errorThreshold: 0.5, minRequests: 20, openFor: 1000, window: 10_000 })
      await finish(true)
      assert.equal(breaker.admits(), false)
    })

    test('closed down it admits everything and keeps no timer', async () => {
      await open()
      const late = breaker.take()
      assert.equal(late, undefined)
      breaker.close()
      assert.equal(breaker.admits(), true)
      await advance(60_000)
      assert.deepEqual(states, ['open'])
    })
  })
}
