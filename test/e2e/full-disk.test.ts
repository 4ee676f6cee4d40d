import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startPlane } from '../../src/plane.ts'
import { folder } from '../kit/member.ts'
import { join, planeClient } from '../kit/plane-client.ts'
import { siblingOf, startProcess } from '../kit/process.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const document = (timeout: string, more = 0) => [
  {
    name: 'orders.yaml',
    text: `version: 1\nservices:\n  orders:\n    timeout: ${timeout}\n${'#\n'.repeat(more)}`,
  },
]

test('a plane whose disk is full says so and serves what it has; with room again everything acknowledged is there', async (t) => {
  const dir = folder(t)
  const before = await startPlane({ dir, port: 0, host: '127.0.0.1', logger: silent })
  t.after(() => before.close())
  const { adminToken, bundle } = before
  const orders = await join(t, before, 'orders')
  assert.equal((await before.pushPolicy({ documents: document('1s') })).sequence, 1)
  await before.close()

  // No file may become larger than 100 kB: what the disk says of the one that would is what a full one says.
  const child = await startProcess(t, siblingOf(import.meta.url, '../kit/plane-process'), {
    under: ['prlimit', '--fsize=100000', 'env', '--ignore-signal=XFSZ'],
    args: [JSON.stringify({ dir, port: 0 })],
    readyWithinMs: 20_000,
  })
  const { url } = JSON.parse(child.ready[1] as string) as { url: string }
  const admin = planeClient(t, { url, bundle })
  const push = (documents: object[]) =>
    admin.ask('/v1/policy', { method: 'POST', token: adminToken, body: { documents } })
  const full = await push(document('2s', 200_000))
  assert.equal(full.status, 507, JSON.stringify(full.body))
  assert.equal(full.body.error, 'TULLE_STATE')
  assert.match(
    full.body.message,
    /(?:the disk is full|larger than this process may write).*nothing older is lost/,
  )
  assert.match(full.body.hint, /Make room/)
  const member = planeClient(t, { url, bundle }, orders)
  const policy = await member.ask('/v1/policy')
  assert.deepEqual(policy.body, { sequence: 1, documents: document('1s') })
  assert.equal((await push(document('3s'))).body.sequence, 2, 'what has room is taken')
  const registration = { service: 'orders', endpoints: [{ address: '127.0.0.1', port: 1 }] }
  assert.equal((await member.ask('/v1/instances/a', { method: 'PUT', body: registration })).status, 200)
  await child.kill('SIGKILL')

  const after = await startPlane({ dir, port: 0, host: '127.0.0.1', logger: silent })
  t.after(() => after.close())
  const again = await planeClient(t, after, orders).ask('/v1/policy')
  assert.deepEqual(again.body, { sequence: 2, documents: document('3s') })
  assert.equal(after.services().orders?.length, 1)
  assert.equal((await after.pushPolicy({ documents: document('4s', 200_000) })).sequence, 3)
})
