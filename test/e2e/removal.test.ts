import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startLedger } from '../kit/ledger.ts'
import { createPolicyFile, startSetting } from '../kit/setting.ts'
import { until } from '../kit/wait.ts'

test('FAULTS 29: a removed endpoint finishes what it has, gets nothing new, and loses its connections', async (t) => {
  const [stays, goes] = [await startLedger({ name: 'stays' }), await startLedger({ name: 'goes' })]
  t.after(async () => {
    await stays.close()
    await goes.close()
  })
  const document = (...endpoints: string[]) => ({
    version: 1,
    services: { orders: { endpoints, balance: 'round-robin' } },
  })
  const policy = createPolicyFile(t, document(stays.address, goes.address))
  const setting = await startSetting(t, { upstreams: 0, mesh: { endpoints: {}, policy: policy.path } })

  goes.behave({ delayMs: 700, bytes: 200_000 })
  const inFlight = Array.from({ length: 20 }, () => setting.caller.ask())
  await until(() => goes.totals.requests === 10, {
    what: 'half of the calls to be at the endpoint that goes',
  })
  const removed = new Promise<void>((resolve) => {
    setting.runtime.events.on('endpoints', () => resolve())
  })
  policy.write(document(stays.address))
  await removed
  assert.equal(goes.totals.finished, 0, 'they are still running when it is removed')

  for (let n = 0; n < 20; n++) assert.equal((await setting.caller.ask()).from, 'stays')
  const answers = await Promise.all(inFlight)
  assert.deepEqual(
    answers.map(({ status }) => status),
    Array(20).fill(200),
  )
  assert.equal(goes.totals.requests, 10)
  await until(() => goes.openConnections === 0, { what: 'its connections to be closed', withinMs: 10_000 })
  assert.equal(goes.executions(answers[0]?.id ?? '') + stays.executions(answers[0]?.id ?? ''), 1)
  await setting.finish()
})
