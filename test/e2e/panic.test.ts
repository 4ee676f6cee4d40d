import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeOf } from '../kit/caller.ts'
import { type Setting, startSetting } from '../kit/setting.ts'
import { until } from '../kit/wait.ts'

const ALL = 4

function panicking(panicThreshold: string) {
  return {
    balance: 'round-robin',
    retry: false,
    outlier: {
      consecutiveFailures: 1,
      baseEjection: '300ms',
      maxEjection: '300ms',
      maxEjectedPercent: '100%',
      panicThreshold,
    },
  }
}

for (const threshold of [1, 25, 50, 75, 100])
  test(`FAULTS 14: with every endpoint failing and a panic threshold of ${threshold} %, calls spread over all of them`, async (t) => {
    const setting = await startSetting(t, { upstreams: ALL, orders: panicking(`${threshold}%`) })
    for (const ledger of setting.ledgers) ledger.behave({ status: 503 })
    for (let n = 0; n < 40; n++) await setting.caller.ask()
    for (const ledger of setting.ledgers) ledger.reset()
    for (let n = 0; n < 40; n++) {
      const seen = await setting.caller.ask()
      assert.equal(seen.status, 503, codeOf(seen.error) ?? '')
    }
    const share = setting.ledgers.map(({ totals }) => totals.requests)
    t.diagnostic(`40 calls went ${share.join(' + ')}`)
    assert.ok(
      share.every((count) => count >= 4),
      share.join(),
    )
    for (const ledger of setting.ledgers) ledger.behave({})
    await recovers(setting)
    await setting.finish()
  })

test('FAULTS 14: with every endpoint failing and no panic, calls fail fast until a probe succeeds', async (t) => {
  const setting = await startSetting(t, { upstreams: ALL, orders: panicking('0%') })
  for (const ledger of setting.ledgers) ledger.behave({ status: 503 })
  await until(async () => codeOf((await setting.caller.ask()).error) === 'TULLE_NO_ENDPOINT', {
    what: 'every endpoint to be ejected',
  })
  for (const ledger of setting.ledgers) ledger.behave({})
  await recovers(setting)
  await setting.finish()
})

for (const failing of [0, 1, 2, 3])
  test(`FAULTS 14: with ${failing} of ${ALL} endpoints failing, the others carry the calls`, async (t) => {
    const orders = { ...panicking('1%'), retry: { limit: 3 } }
    const setting = await startSetting(t, { upstreams: ALL, orders })
    for (const ledger of setting.ledgers.slice(0, failing)) ledger.behave({ status: 503 })
    for (let n = 0; n < 60; n++) {
      const seen = await setting.caller.ask()
      assert.equal(seen.status, 200, codeOf(seen.error) ?? '')
    }
    await setting.finish()
  })

/** All calls are answered again, and by every endpoint. */
async function recovers({ caller, ledgers }: Setting): Promise<void> {
  const back = new Set<string>()
  await until(
    async () => {
      const { status, from } = await caller.ask()
      if (status === 200 && from !== undefined) back.add(from)
      return back.size === ledgers.length
    },
    { what: 'every endpoint to answer again', withinMs: 10_000 },
  )
}
