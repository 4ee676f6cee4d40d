import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PlaneRefusal } from '../../src/core/plane.ts'
import { FakeWorld, NOW, tulle } from '../kit/command.ts'

const DAY = 86_400_000
const CA = {
  trustDomain: 'test.example',
  source: 'brought',
  active: [
    { sha256: 'ab'.repeat(32), notAfterMs: NOW + 30 * DAY },
    { sha256: 'cd'.repeat(32), notAfterMs: NOW + 365 * DAY },
  ],
}
const ROTATING = {
  ...CA,
  previous: { sha256: 'ef'.repeat(32), notAfterMs: NOW - 1, leavesUntilMs: NOW + DAY },
}

test('what signs and what is trusted is shown with what is left of it', async () => {
  const { out } = await tulle(new FakeWorld({ 'GET /v1/ca': CA }), 'ca', 'show')
  assert.deepEqual(out.split('\n'), [
    'trust domain test.example, a CA brought along',
    'USE    SHA-256           UNTIL                 LEFT',
    'signs  abababababababab  2026-12-21 06:00:00Z  30 d',
    'root   cdcdcdcdcdcdcdcd  2027-11-21 06:00:00Z  365 d',
    '',
  ])
})

test('during a rotation it says until when certificates of the old root may live', async () => {
  const { out } = await tulle(new FakeWorld({ 'POST /v1/ca/rotate': ROTATING }), 'ca', 'rotate')
  assert.match(out, /^a new root signs from now on/)
  assert.match(out, /^old root {2}efefefefefefefef {2}.* over$/m)
  assert.match(out, /^certificates of the old root may live until 2026-11-22 06:00:00Z$/m)
})

test('retire asks without force unless it is said', async () => {
  const world = new FakeWorld({ 'POST /v1/ca/retire': CA })
  assert.match(
    (await tulle(world, 'ca', 'retire')).out,
    /^the old root is out of the bundle\n.*new-admin-token/,
  )
  const { out } = await tulle(world, 'ca', 'retire', '--force', '--json')
  assert.deepEqual(JSON.parse(out), CA)
  assert.deepEqual(
    world.asked.map(({ body }) => body),
    [{ force: false }, { force: true }],
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
