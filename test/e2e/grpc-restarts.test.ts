import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { type PricingServer, pricingServer } from '../kit/grpc/pricing-server.ts'
import { startGrpcSetting } from '../kit/grpc/setting.ts'
import { closedLoop } from '../kit/load.ts'

const DOWN_MS = 300

test('three servers restarted one right after the other, each down for 300 ms, lose no call', async (t) => {
  const servers: PricingServer[] = []
  for (let n = 0; n < 3; n++) servers.push(await pricingServer(t))
  const setting = await startGrpcSetting(t, {
    servers: 0,
    also: servers.map(({ address }) => address),
    executions: (id) => all.reduce((sum, { ledger }) => sum + ledger.times(id), 0),
  })
  const all = [...servers]
  let rolling = true
  const load = closedLoop({ callers: 4, forMs: 6 * (DOWN_MS + 100) + 500 }, async () => {
    await setting.caller.ask({})
    if (rolling) await pause(2)
  })
  await pause(200)
  for (let round = 0; round < 2; round++)
    for (const server of [...servers]) {
      await server.drain()
      await pause(DOWN_MS)
      const back = await pricingServer(t, {}, { port: server.port })
      all.push(back)
      servers[servers.indexOf(server)] = back
    }
  rolling = false
  const { results } = await load
  assert.ok(results.length > 500, String(results.length))
  assert.deepEqual(setting.caller.words, [])
  await setting.finish()
})
