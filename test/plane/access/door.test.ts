import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AdminToken } from '../../../src/plane/access/admin-token.ts'
import { Bans } from '../../../src/plane/access/bans.ts'
import type { FailedAttempt } from '../../../src/plane/access/caller.ts'
import { Door } from '../../../src/plane/access/door.ts'
import { JoinTokens } from '../../../src/plane/access/join-tokens.ts'
import { Refusal } from '../../../src/plane/refusal.ts'
import { ManualClock } from '../../../src/testing/manual-clock.ts'
import { ScriptedStore } from '../scripted-store.ts'

const trustDomain = 'test.example'
const where = { urls: ['https://127.0.0.1:7400'], rootSha256: 'ab'.repeat(32) }
const prefix = `spiffe://${trustDomain}/ns/default/dc/default/svc/`
const from = '10.0.0.1'

async function setting() {
  const store = new ScriptedStore()
  const clock = new ManualClock()
  const wall = (): number => clock.now()
  const tokens = await JoinTokens.open({ store, wall, trustDomain })
  const admin = await AdminToken.open({ store })
  const bans = await Bans.open({ store, wall })
  let adminToken = ''
  await admin.replace({ ...where, trustDomain }, (text) => {
    adminToken = text
  })
  const failed: FailedAttempt[] = []
  const door = new Door({
    tokens,
    admin,
    bans,
    clock,
    serviceOf: (id) => (id.startsWith(prefix) ? id.slice(prefix.length) : undefined),
    adminServices: ['deployer'],
    failures: { perSecond: 1, burst: 3 },
    onFailed: (attempt) => failed.push(attempt),
  })
  return { store, clock, tokens, admin, bans, door, failed, adminToken }
}

const refusal = (run: () => unknown): Refusal => {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error))
    return error
  }
  throw new assert.AssertionError({ message: 'nothing was refused' })
}

test('each proof makes its own caller', async () => {
  const { door, tokens, adminToken } = await setting()
  const { id, token } = tokens.mint('orders', where)
  assert.deepEqual(door.authenticate({ from }), { kind: 'anonymous' })
  assert.deepEqual(door.authenticate({ from, bearer: token }), {
    kind: 'join',
    tokenId: id,
    service: 'orders',
  })
  assert.deepEqual(door.authenticate({ from, bearer: adminToken }), { kind: 'admin' })
  const peer = { from, peerId: `${prefix}orders` }
  assert.deepEqual(door.authenticate(peer), { kind: 'service', service: 'orders', id: peer.peerId })
  const deployer = { from, peerId: `${prefix}deployer` }
  assert.deepEqual(door.authenticate(deployer), { kind: 'admin', service: 'deployer', id: deployer.peerId })
})

test('SECURITY incident 14: an identity of another trust domain is nobody here, and nor is the plane itself', async () => {
  const { door } = await setting()
  for (const peerId of [`spiffe://evil.example/ns/default/dc/default/svc/orders`, `${prefix}tulle-plane`])
    assert.equal(refusal(() => door.authenticate({ from, peerId })).kind, 'forbidden')
})

test('a wrong token is not passed over for a right certificate', async () => {
  const { door } = await setting()
  for (const bearer of ['', 'x', 'tulle_join_x.y', 'tulle_admin_x.y']) {
    const { kind } = refusal(() => door.authenticate({ from: bearer, bearer, peerId: `${prefix}orders` }))
    assert.equal(kind, 'unauthenticated')
  }
})

test('a banned identity is refused with whatever it brings, until it is let back in', async () => {
  const { door, tokens, bans } = await setting()
  const { token } = tokens.mint('orders', where)
  await bans.ban('orders')
  await bans.ban('deployer')
  assert.match(refusal(() => door.authenticate({ from, bearer: token })).message, /"orders" is banned/)
  assert.match(refusal(() => door.authenticate({ from, peerId: `${prefix}orders` })).message, /is banned/)
  assert.match(refusal(() => door.authenticate({ from, peerId: `${prefix}deployer` })).message, /is banned/)
  await bans.unban('orders')
  assert.equal(door.authenticate({ from: 'other', bearer: token }).kind, 'join')
})

test('the admin token is kept as a hash only, survives a restart, and is over when it is replaced', async () => {
  const { store, admin, adminToken } = await setting()
  assert.ok(!store.text.includes(adminToken.slice(adminToken.indexOf('.') + 1)))
  assert.ok((await AdminToken.open({ store })).matches(adminToken))
  assert.ok(!admin.matches(adminToken.slice(0, -1)) && !admin.matches(`${adminToken} `))
  let next = ''
  await admin.replace({ ...where, trustDomain }, (text) => {
    next = text
  })
  assert.ok(admin.matches(next) && !admin.matches(adminToken))
})

test('an admin token that could not be handed over, or not be kept, leaves the old one in force', async () => {
  const { store, admin, adminToken } = await setting()
  const nowhere = admin.replace({ ...where, trustDomain }, () => {
    throw new Error('no space for the file')
  })
  await assert.rejects(nowhere, /no space/)
  store.full = true
  await assert.rejects(admin.replace({ ...where, trustDomain }, () => {}))
  assert.ok(admin.matches(adminToken))
})

test('failed attempts are reported without their secret, then only counted; a good proof is always taken', async () => {
  const { door, failed, clock, adminToken } = await setting()
  const guess = `${adminToken.slice(0, -4)}AAAA`
  for (let n = 0; n < 3; n++)
    assert.equal(refusal(() => door.authenticate({ from, bearer: guess })).kind, 'unauthenticated')
  for (let n = 0; n < 50; n++) {
    const { kind, status, retryAfterMs } = refusal(() => door.authenticate({ from, bearer: guess }))
    assert.deepEqual(
      { kind, status, retryAfterMs },
      { kind: 'rate-limited', status: 429, retryAfterMs: 1000 },
    )
  }
  assert.equal(door.authenticate({ from, bearer: adminToken }).kind, 'admin')
  assert.equal(refusal(() => door.authenticate({ from: '10.0.0.2', bearer: guess })).kind, 'unauthenticated')
  clock.advance(1000)
  refusal(() => door.authenticate({ from, bearer: guess }))
  assert.deepEqual(
    failed.map(({ from, unreported }) => [from, unreported]),
    [
      [from, 0],
      [from, 0],
      [from, 0],
      ['10.0.0.2', 0],
      [from, 50],
    ],
  )
  assert.ok(!JSON.stringify(failed).includes(guess.slice(guess.indexOf('.') + 1)))
})

test('the report of an attempt with a revoked token names the token', async () => {
  const { door, tokens, failed } = await setting()
  const { id, token } = tokens.mint('orders', where)
  await tokens.revoke(id)
  refusal(() => door.authenticate({ from, bearer: token }))
  assert.equal(failed.length, 1)
  assert.match(failed[0]?.reason ?? '', new RegExp(`${id} has been revoked`))
})
