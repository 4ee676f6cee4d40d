import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createMesh, type MeshError, type MeshOptions } from '../../src/index.ts'
import { refusingAddress } from '../../src/testing/index.ts'
import { until } from '../kit/wait.ts'

/** A server that answers when told. */
async function startPatient(t: TestContext) {
  const held: (() => void)[] = []
  const server = createServer((_, res) => held.push(() => res.end('at last')))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, held }
}

const meshFor = (options: MeshOptions) =>
  createMesh({ service: 'web', env: {}, log: 'silent', drainGrace: '150ms', ...options })
const failed = (call: Promise<unknown>): Promise<MeshError> =>
  call.then(
    () => assert.fail('the call succeeded'),
    (error: MeshError) => error,
  )

test('close() lets a call that is in flight finish within the grace', async (t) => {
  const { address, held } = await startPatient(t)
  const mesh = meshFor({ endpoints: { orders: address }, drainGrace: '10s' })
  const answer = mesh.fetch('http://orders.mesh/')
  await until(() => held.length === 1, { what: 'the call to be in flight' })
  const closed = mesh.close()
  held[0]?.()
  assert.equal(await (await answer).text(), 'at last')
  await closed
})

test('close() ends calls in the queue at once, and cuts those in flight when the grace is over', async (t) => {
  const { address, held } = await startPatient(t)
  const policy = { version: 1, services: { orders: { limit: { inFlight: 1, queue: 5 } } } } as const
  const mesh = meshFor({ endpoints: { orders: address }, policy })
  const order: string[] = []
  const inFlight = failed(mesh.fetch('http://orders.mesh/')).finally(() => order.push('in flight'))
  await until(() => held.length === 1, { what: 'the first call to be in flight' })
  const queued = failed(mesh.fetch('http://orders.mesh/')).finally(() => order.push('queued'))
  await new Promise((resolve) => setImmediate(resolve))
  await mesh.close()
  assert.equal((await queued).code, 'TULLE_CLOSED')
  assert.equal((await inFlight).code, 'TULLE_CLOSED')
  assert.deepEqual(order, ['queued', 'in flight'])
  assert.equal(held.length, 1, 'nothing was sent again')
})

test('close() ends a call in back-off at once, with the attempts it made', async () => {
  const policy = {
    version: 1,
    services: { orders: { timeout: '10m', retry: { limit: 5, backoff: { base: '1m', max: '1m' } } } },
  } as const
  const mesh = meshFor({ endpoints: { orders: await refusingAddress() }, policy })
  let retries = 0
  const count = (): void => {
    retries++
  }
  subscribe('tulle:retry', count)
  const call = failed(mesh.fetch('http://orders.mesh/'))
  await until(() => retries === 1, { what: 'the first back-off' })
  unsubscribe('tulle:retry', count)
  await mesh.close()
  const { code, attempts } = await call
  assert.equal(code, 'TULLE_CLOSED')
  assert.deepEqual(
    attempts.map(({ cause }) => cause),
    ['ECONNREFUSED'],
  )
})
