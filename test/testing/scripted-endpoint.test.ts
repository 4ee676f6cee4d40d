import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMesh } from '../../src/index.ts'
import { ManualClock, refusingAddress, scriptedEndpoint } from '../../src/testing/index.ts'
import { until } from '../kit/wait.ts'

test('answers are taken in turn and the last one is repeated', async () => {
  await using orders = await scriptedEndpoint({ status: 201, body: { id: 7 } }, { status: 404, body: 'gone' })
  const get = () => fetch(`http://${orders.address}/items?page=2`, { method: 'POST', body: 'hello' })
  const first = await get()
  assert.deepEqual([first.status, await first.json()], [201, { id: 7 }])
  for (let i = 0; i < 2; i++) assert.equal(await (await get()).text(), 'gone')
  assert.equal(orders.requests.length, 3)
  assert.deepEqual([orders.requests[0]?.url, orders.requests[0]?.body], ['/items?page=2', 'hello'])
  orders.script({ status: 204 })
  assert.equal((await get()).status, 204)
})

test('a reset leaves no answer, a reset in the middle of the body a broken one', async () => {
  await using orders = await scriptedEndpoint(
    { fault: 'reset' },
    { fault: 'reset-mid-body', body: 'x'.repeat(1000) },
  )
  await assert.rejects(fetch(`http://${orders.address}/`))
  await assert.rejects(async () => (await fetch(`http://${orders.address}/`)).text())
})

test('a mesh beside a refusing address goes to the endpoint that answers', async () => {
  await using orders = await scriptedEndpoint({ body: 'ok' })
  await using mesh = createMesh({
    service: 'web',
    endpoints: { orders: [await refusingAddress(), orders.address] },
    env: {},
  })
  for (let i = 0; i < 5; i++) assert.equal(await (await mesh.fetch('http://orders.mesh/')).text(), 'ok')
})

test('on a manual clock a deadline passes when the test says so', async () => {
  const clock = new ManualClock()
  await using orders = await scriptedEndpoint({ fault: 'hang' })
  const mesh = createMesh({ service: 'web', endpoints: { orders: orders.address }, clock, env: {} })
  await mesh.start()
  const call = mesh.fetch('http://orders.mesh/', { mesh: { timeout: '300ms' } })
  const failed = assert.rejects(call, { code: 'TULLE_DEADLINE', message: /300/ })
  clock.advance(300)
  await failed
  await mesh.close()
  await until(() => clock.armed === 0, { what: 'the last socket to be gone, and its timers with it' })
})
