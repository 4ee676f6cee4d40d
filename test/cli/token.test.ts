import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PlaneRefusal } from '../../src/core/plane.ts'
import { FakeWorld, NOW, tokenText, tulle } from '../kit/command.ts'

const MINTED = { id: '4f1c', token: tokenText('join', { service: 'orders' }) }

test('a fresh token goes alone to standard output, so that it can be assigned to a variable', async () => {
  const world = new FakeWorld({ 'POST /v1/tokens': MINTED })
  const { code, out, err } = await tulle(
    world,
    'token',
    'create',
    'orders',
    '--expires',
    '30d',
    '--uses',
    '3',
  )
  assert.deepEqual([code, out], [0, `${MINTED.token}\n`])
  assert.match(err, /^token 4f1c of orders; it is not shown again\n$/)
  assert.deepEqual(world.asked[0]?.body, { service: 'orders', expiresInMs: 30 * 86_400_000, uses: 3 })
})

test('what is not said is not asked for', async () => {
  const world = new FakeWorld({ 'POST /v1/tokens': MINTED })
  const { out } = await tulle(world, 'token', 'create', 'orders', '--json')
  assert.deepEqual(JSON.parse(out), MINTED)
  assert.equal(JSON.stringify(world.asked[0]?.body), '{"service":"orders"}')
})

for (const wrong of [
  ['--uses', '0'],
  ['--uses', 'many'],
  ['--expires', 'soon'],
])
  test(`${wrong.join(' ')} is asked wrongly: exit code 2, and the plane hears nothing of it`, async () => {
    const world = new FakeWorld()
    const { code, err } = await tulle(world, 'token', 'create', 'orders', ...wrong)
    assert.deepEqual([code, world.asked], [2, []])
    assert.match(err, /expected a (whole number|duration)/)
  })

const TOKENS = [
  { id: 'a', service: 'orders', createdAtMs: NOW, used: 0, revoked: false },
  { id: 'b', service: 'stock', createdAtMs: NOW, expiresAtMs: NOW + 1000, uses: 3, used: 1, revoked: false },
  { id: 'c', service: 'stock', used: 0, revoked: true },
]

test('the list says until when and how often, and whether a token was revoked', async () => {
  const world = new FakeWorld({ 'GET /v1/tokens': { tokens: TOKENS } })
  const { out } = await tulle(world, 'token', 'list')
  assert.deepEqual(out.split('\n'), [
    'ID  SERVICE  CREATED               EXPIRES               USES LEFT',
    'a   orders   2026-11-21 06:00:00Z  never                 any',
    'b   stock    2026-11-21 06:00:00Z  2026-11-21 06:00:01Z  2 of 3',
    'c   stock                          revoked               any',
    '',
  ])
  assert.deepEqual(JSON.parse((await tulle(world, 'token', 'list', '--json')).out), TOKENS)
})

test('a token is revoked by its id, and an id nobody knows is said to be none', async () => {
  const world = new FakeWorld({
    'DELETE /v1/tokens/4f1c': undefined,
    'DELETE /v1/tokens/a%2Fb': new PlaneRefusal(404, {}, 'the plane refuses: there is no join token "a/b"'),
  })
  assert.deepEqual(await tulle(world, 'token', 'revoke', '4f1c'), {
    code: 0,
    out: 'token 4f1c is revoked\n',
    err: '',
  })
  const { code, err } = await tulle(world, 'token', 'revoke', 'a/b')
  assert.equal(code, 1)
  assert.match(err, /there is no join token "a\/b"/)
})
