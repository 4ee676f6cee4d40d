import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closedLoop, openLoop } from './load.ts'
import { delay, until, within } from './wait.ts'

test('an open loop makes every planned call and measures from the intended start', async () => {
  const driven = await openLoop({ perSecond: 100, forMs: 300 }, async (number) => {
    if (number === 5) blockFor(60)
    return number
  })
  assert.equal(driven.results.length, 30)
  assert.equal(driven.failed, 0)
  const delayed = driven.results.filter(({ latencyMs }) => latencyMs > 20)
  assert.ok(delayed.length >= 3, `calls behind the stall show it: ${delayed.length}`)
})

test('a closed loop never has more callers than asked for, and keeps errors as results', async () => {
  let running = 0
  let most = 0
  const driven = await closedLoop({ callers: 4, calls: 40 }, async (number) => {
    most = Math.max(most, ++running)
    await delay(1)
    running--
    if (number % 10 === 0) throw new Error('one of ten')
  })
  assert.equal(most, 4)
  assert.equal(driven.results.length, 40)
  assert.equal(driven.failed, 4)
})

test('percentiles come from the sorted latencies', async () => {
  const driven = await closedLoop({ callers: 1, calls: 10 }, (number) => delay(number === 9 ? 50 : 0))
  assert.ok(driven.percentile(0.5) < 40)
  assert.ok(driven.percentile(0.99) >= 45)
})

test('a wait in vain names what it waited for', async () => {
  await assert.rejects(
    until(() => false, { what: 'the end of days', withinMs: 20 }),
    /the end of days/,
  )
  assert.equal(await until(() => 7, { what: 'seven' }), 7)
  await assert.rejects(within(delay(200), 10, 'a nap'), /a nap: not within 10 ms/)
})

function blockFor(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}
