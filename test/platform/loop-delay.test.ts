import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LoopDelay } from '../../src/platform/loop-delay.ts'
import { until } from '../kit/wait.ts'

function hold(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

test('a loop that was held shows it once', async (t) => {
  const delay = new LoopDelay()
  assert.equal(delay.takeMs(), 0)
  delay.start()
  t.after(() => delay.stop())
  let turns = 0
  const ticking = setInterval(() => {
    turns += 1
  }, 5)
  t.after(() => clearInterval(ticking))
  await until(() => turns > 10, { what: 'a few turns' })
  hold(300)
  turns = 0
  await until(() => turns > 10, { what: 'a few turns' })
  assert.ok(delay.takeMs() >= 200)
  assert.equal(delay.takeMs(), 0)
})
