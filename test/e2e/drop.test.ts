import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withinBudget } from '../kit/invariants.ts'
import { closedLoop } from '../kit/load.ts'
import { seeded } from '../kit/random.ts'
import { startSetting } from '../kit/setting.ts'

test('FAULTS 15: of calls on which a tenth is dropped at random, no more fail than all attempts together do', async (t) => {
  const limit = 2
  const setting = await startSetting(t, { upstreams: 3, orders: { retry: { limit } } })
  const random = seeded(15)
  for (const ledger of setting.ledgers)
    ledger.behave(() => (random() < 0.1 ? { cut: { after: 'nothing', how: 'reset' } } : {}))
  const calls = 3000
  const driven = await closedLoop({ callers: 8, calls }, () => setting.caller.ask())
  const failed = setting.caller.failures.length
  const expected = calls * 0.1 ** (limit + 1)
  const executions = setting.ledgers.reduce((sum, { totals }) => sum + totals.requests, 0)
  const { retries, allowed } = withinBudget({ calls, executions, seconds: driven.seconds })
  t.diagnostic(
    `${failed} of ${calls} failed (${expected} expected), ${retries} retries (${allowed.toFixed(0)} allowed)`,
  )
  // The chance of more is below one in a thousand.
  assert.ok(failed <= expected + 3.1 * Math.sqrt(expected) + 1, `${failed} failed`)
  await setting.finish()
})
