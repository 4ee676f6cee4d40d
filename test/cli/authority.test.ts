import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PlaneRefusal } from '../../src/core/plane.ts'
import { FakeWorld, NOW, tulle } from '../kit/command.ts'

const DAY = 86_400_000

test('the roots are shown with their use and what is left of them', async () => {
  const roots = [
    { sha256: 'ab'.repeat(32), notBefore: NOW - DAY, notAfter: NOW + 365 * DAY, active: true },
    { sha256: 'cd'.repeat(32), notBefore: NOW - 9 * DAY, notAfter: NOW - DAY, active: false },
  ]
  const world = new FakeWorld({ 'GET /v1/ca': { trustDomain: 'test.example', roots } })
  const { out } = await tulle(world, 'ca', 'show')
  assert.deepEqual(out.split('\n'), [
    'trust domain test.example',
    'ROOT (SHA-256)    USE      UNTIL                 LEFT',
    'abababababababab  signs    2027-11-21 06:00:00Z  365 d',
    'cdcdcdcdcdcdcdcd  trusted  2026-11-20 06:00:00Z  over',
    '',
  ])
})

test('rotate and retire ask for exactly that, retire without force unless it is said', async () => {
  const world = new FakeWorld({ 'POST /v1/ca/rotate': {}, 'POST /v1/ca/retire': {} })
  assert.match((await tulle(world, 'ca', 'rotate')).out, /tulle ca retire/)
  assert.equal((await tulle(world, 'ca', 'retire')).out, 'the old root is out of the bundle\n')
  await tulle(world, 'ca', 'retire', '--force')
  assert.deepEqual(
    world.asked.map(({ body }) => body),
    [undefined, { force: false }, { force: true }],
  )
})

test('a plane that will not retire yet says why', async () => {
  const world = new FakeWorld({
    'POST /v1/ca/retire': new PlaneRefusal(
      409,
      {},
      'the plane refuses: leaves of the old root live until 07:00',
    ),
  })
  const { code, err } = await tulle(world, 'ca', 'retire')
  assert.equal(code, 1)
  assert.match(err, /live until 07:00/)
})
