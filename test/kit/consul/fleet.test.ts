import assert from 'node:assert/strict'
import { test } from 'node:test'
import { registerMany, startAgent } from './agent.ts'

for (const native of [true, false])
  test(`a fleet of ${native ? 'Connect-native' : 'plain'} instances is in the catalog, and changes`, async (t) => {
    const agent = await startAgent()
    t.after(() => agent.stop())
    const fleet = await registerMany(agent, 'orders', 100, {
      instance: (number) => ({ native, status: 'passing', meta: { version: number < 50 ? 'v1' : 'v2' } }),
    })
    const path = native ? '/v1/health/connect/orders' : '/v1/health/service/orders'
    const passing = async (): Promise<any[]> =>
      (await agent.api('GET', path, undefined, { query: { passing: true } })).json
    assert.equal((await passing()).length, 100)
    assert.equal(new Set((await passing()).map(({ Service }) => Service.Address)).size, 100)

    const [id = ''] = await fleet.add([{ native, address: '127.0.0.1', port: 1, tags: ['new'] }])
    await fleet.remove('orders-0', 'orders-1')
    await fleet.mark('orders-2', 'critical')
    const now = new Map((await passing()).map(({ Service }) => [Service.ID, Service]))
    assert.equal(now.size, 98)
    assert.deepEqual([now.get(id).Port, now.get(id).Tags], [1, ['new']])
    for (const gone of ['orders-0', 'orders-1', 'orders-2']) assert.equal(now.has(gone), false)
    await fleet.mark('orders-2', 'passing')
    assert.equal((await passing()).length, 99)
    await fleet.clear()
    assert.deepEqual(await passing(), [])
  })
