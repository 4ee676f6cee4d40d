import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MeshError } from '../../src/core/errors.ts'
import { PlaneRefusal } from '../../src/core/plane.ts'
import { FakeWorld, tokenText, tulle } from '../kit/command.ts'

test('the planes of the token are asked, with the token', async () => {
  const world = new FakeWorld({ 'GET /v1/bans': { bans: [] } })
  await tulle(world, 'identity', 'list')
  assert.deepEqual(world.linked, [{ urls: ['https://plane.test:7400'], token: world.env.TULLE_ADMIN_TOKEN }])
  assert.deepEqual(world.asked, [{ method: 'GET', path: '/v1/bans', auth: 'token' }])
})

test('--plane names other ones', async () => {
  const world = new FakeWorld({ 'GET /v1/bans': { bans: [] } })
  await tulle(world, 'identity', 'list', '--plane', 'https://a:1, https://b:2')
  assert.deepEqual(world.linked[0]?.urls, ['https://a:1', 'https://b:2'])
})

test('a plane that is down: what was wrong and what to do, exit code 1, and the link is closed', async () => {
  const down = new MeshError(
    'TULLE_PLANE',
    'the plane at https://plane.test:7400 cannot be reached: connection refused',
  )
  const world = new FakeWorld({ 'GET /v1/bans': down })
  const { code, out, err } = await tulle(world, 'identity', 'list')
  assert.deepEqual([code, out, world.open], [1, '', 0])
  assert.equal(err, `${down.message}\n${down.hint}\n`)
})

test('a token that the plane refuses: its words and its hint', async () => {
  const world = new FakeWorld({
    'GET /v1/bans': new PlaneRefusal(
      401,
      {},
      'the plane refuses: this is not the admin token',
      'It was replaced.',
    ),
  })
  const { code, err } = await tulle(world, 'identity', 'list')
  assert.deepEqual([code, err], [1, 'the plane refuses: this is not the admin token\nIt was replaced.\n'])
  assert.ok(!err.includes(tokenText('admin').slice(0, 30)))
})

test('an answer of another version is named with what was not understood', async () => {
  const world = new FakeWorld({ 'GET /v1/bans': { bans: [{ name: 'orders' }] } })
  const { code, err } = await tulle(world, 'identity', 'list')
  assert.equal(code, 1)
  assert.match(err, /GET \/v1\/bans in words this version does not know: bans\.0\.service/)
})
