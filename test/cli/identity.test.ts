import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeWorld, NOW, tulle } from '../kit/command.ts'

test('a service is banned and taken back by name', async () => {
  const world = new FakeWorld({ 'PUT /v1/bans/orders': undefined, 'DELETE /v1/bans/orders': undefined })
  assert.match(
    (await tulle(world, 'identity', 'ban', 'orders')).out,
    /^orders is banned: no certificate is renewed/,
  )
  assert.equal((await tulle(world, 'identity', 'unban', 'orders')).out, 'orders is a member again\n')
  const { out } = await tulle(world, 'identity', 'ban', 'orders', '--json', '--reason', 'stolen')
  assert.deepEqual(JSON.parse(out), { service: 'orders', banned: true })
  assert.deepEqual(
    world.asked.map(({ body }) => body),
    [undefined, undefined, { reason: 'stolen' }],
  )
})

test('the list says since when and why', async () => {
  const bans = [{ service: 'orders', sinceMs: NOW, reason: 'stolen laptop' }]
  const world = new FakeWorld({ 'GET /v1/bans': { bans } })
  assert.equal(
    (await tulle(world, 'identity', 'list')).out,
    'SERVICE  BANNED                REASON\norders   2026-11-21 06:00:00Z  stolen laptop\n',
  )
})
