import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RateLimit } from '../../../src/plane/access/rate-limit.ts'
import { ManualClock } from '../../../src/testing/manual-clock.ts'

test('FAULTS 54: a burst is admitted, then the rate; what is refused costs nothing', () => {
  const clock = new ManualClock()
  const limit = new RateLimit({ perSecond: 2, burst: 3 }, clock)
  assert.deepEqual(
    [1, 2, 3, 4, 5].map(() => limit.take('orders')),
    [true, true, true, false, false],
  )
  assert.equal(limit.wait('orders'), 500)
  assert.equal(limit.wait('billing'), 0)
  clock.advance(499)
  assert.equal(limit.take('orders'), false)
  clock.advance(1)
  assert.equal(limit.take('orders'), true)
  clock.advance(10_000)
  assert.deepEqual(
    [1, 2, 3, 4].map(() => limit.take('orders')),
    [true, true, true, false],
  )
})

test('FAULTS 54: in any span no more is admitted than the burst and the rate allow', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(400), { maxLength: 200 }), (pauses) => {
      const clock = new ManualClock()
      const limit = new RateLimit({ perSecond: 10, burst: 5 }, clock)
      const start = clock.now()
      let admitted = 0
      for (const pause of pauses) {
        clock.advance(pause)
        if (limit.take('a')) admitted++
        assert.ok(admitted <= 5 + (clock.now() - start) / 100)
      }
    }),
  )
})

test('so many keys are remembered and no more, those used last', () => {
  const limit = new RateLimit({ perSecond: 1, burst: 1 }, new ManualClock())
  limit.take('first')
  for (let n = 0; n < 10_000; n++) limit.take(`key-${n}`)
  assert.equal(limit.wait('first'), 0)
  assert.ok(limit.wait('key-0') > 0)
})
