import assert from 'node:assert/strict'
import type { KeyObject } from 'node:crypto'
import { afterEach, test } from 'node:test'
import { isMeshError } from '../../src/core/errors.ts'
import { PlaneRefusal } from '../../src/core/plane.ts'
import { readCsr } from '../../src/identity/csr.ts'
import { TestCa } from '../kit/certificates.ts'
import {
  type Actor,
  DAY,
  HOUR,
  IdentityStage,
  joinToken,
  MemoryStore,
  MINUTE,
  settled,
  untilGeneration,
} from '../kit/identity-stage.ts'
import { until } from '../kit/wait.ts'

let stage: IdentityStage
afterEach(() => stage.close())

const ID = 'spiffe://test.example/ns/default/dc/dc1/svc/orders'

async function refused(promise: Promise<unknown>, code: string, ...words: RegExp[]): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(isMeshError(error), String(error))
    assert.equal(error.code, code, error.message)
    for (const word of words) assert.match(`${error.message} ${error.hint}`, word)
    return true
  })
}

/** Moves time from timer to timer until the plane was asked once more, and waits for what became of it. */
async function untilAsked(times: number): Promise<void> {
  await until(
    async () => {
      if (stage.plane.asked.length >= times) return true
      stage.clock.advance(stage.clock.next ?? 0)
      await settled()
      return false
    },
    { what: `the plane asked ${times} times`, everyMs: 0 },
  )
  await settled()
}

const problem = ({ identity }: Actor): string => identity.health().problem ?? ''

test('the first certificate is asked for by token, for a key that stays in the process', async () => {
  stage = new IdentityStage()
  const orders = stage.actor()
  assert.equal(orders.identity.current, undefined)
  assert.equal(orders.identity.refusal()?.code, 'TULLE_IDENTITY')
  await orders.start()
  const { identity } = orders
  assert.equal(identity.id, ID)
  assert.equal(identity.refusal(), undefined)
  assert.equal(identity.idOf('billing'), ID.replace('orders', 'billing'))
  assert.equal(identity.trustDomain, 'test.example')
  assert.equal(identity.roots?.length, 1)
  const [asked] = stage.plane.asked
  assert.equal(asked?.auth, 'token')
  assert.doesNotMatch(JSON.stringify(asked), /PRIVATE KEY/)
  assert.equal(identity.current?.notAfterMs, stage.wall() + DAY)
})

test('a certificate is renewed between half and 70 % of the time it had, by itself, with a new key', async () => {
  for (const [random, dueMs] of [
    [0, 12 * HOUR],
    [0.999999, 16.8 * HOUR],
  ] as const) {
    stage = new IdentityStage()
    const orders = stage.actor('orders', { random: () => random })
    await orders.start()
    stage.clock.advance(dueMs - 2000)
    await settled()
    assert.equal(stage.plane.asked.length, 1, 'not before its time')
    stage.clock.advance(4000)
    await untilGeneration(stage, orders, 2)
    assert.equal(stage.plane.asked[1]?.auth, 'identity')
    const keys = stage.plane.asked.map(({ body }) => (body as { csr: string }).csr)
    assert.notEqual(keys[0], keys[1])
    assert.deepEqual(orders.changes, ['renewed', 'renewed'])
    await stage.close()
  }
})

test('FAULTS 36: across 100 rotations there is a usable certificate at every moment', async () => {
  stage = new IdentityStage({ lifetimeMs: MINUTE })
  const orders = stage.actor()
  await orders.start()
  const contexts = new Set<object>()
  for (let generation = 1; generation <= 101; generation++) {
    await untilGeneration(stage, orders, generation)
    await settled()
    const { identity } = orders
    assert.equal(identity.refusal(), undefined)
    assert.ok(identity.current!.notAfterMs - stage.wall() > 17_000)
    contexts.add(identity.current!.context)
    stage.clock.advance(36_000)
  }
  assert.equal(contexts.size, 101)
})

test('FAULTS 37: without the plane the certificate is kept to its end, then everything is refused, and asking goes on', async () => {
  stage = new IdentityStage({ lifetimeMs: HOUR })
  const orders = stage.actor()
  await orders.start()
  stage.plane.away = true
  await stage.pass(59 * MINUTE, 20_000)
  const tries = stage.plane.asked.length
  assert.ok(tries > 10 && tries < 120, `${tries} tries`)
  assert.equal(orders.identity.refusal(), undefined)
  assert.match(problem(orders), /could not be renewed: https:\/\/plane.test:7400 cannot be reached/)
  assert.equal(orders.logged.filter((line) => line.includes('could not be renewed')).length, 1, 'one warning')
  await stage.pass(3 * MINUTE, 5000)
  const refusal = orders.identity.refusal()
  assert.equal(refusal?.code, 'TULLE_IDENTITY_EXPIRED')
  assert.match(
    refusal?.message ?? '',
    /orders expired at 2026-03-01T13:00:00Z, and plane .* has brought no other/,
  )
  assert.match(problem(orders), /expired at 2026-03-01T13:00:00Z/)
  assert.ok(orders.logged.some((line) => line.includes('expired at 2026-03-01T13:00:00Z')))
  const before = stage.plane.asked.length
  await untilAsked(before + 3)
  assert.equal(stage.plane.asked.at(-1)?.auth, 'token', 'an expired SVID proves nothing')
  stage.plane.away = false
  await untilAsked(stage.plane.asked.length + 1)
  await untilGeneration(stage, orders, 2)
  assert.equal(orders.identity.refusal(), undefined)
  assert.equal(orders.identity.health().from, 'plane')
})

test('FAULTS 20: who could not renew asks at once when the plane is back', async () => {
  stage = new IdentityStage({ lifetimeMs: HOUR })
  const orders = stage.actor()
  await orders.start()
  stage.plane.back()
  await stage.pass(MINUTE, 5000)
  assert.equal(stage.plane.asked.length, 1, 'nothing failed, so nothing is asked')
  stage.plane.away = true
  await stage.pass(2 * HOUR, 20_000)
  assert.equal(orders.identity.refusal()?.code, 'TULLE_IDENTITY_EXPIRED')
  stage.plane.back()
  stage.clock.advance(0)
  await until(() => orders.identity.refusal() === undefined, { what: 'a certificate' })
})

test('a restart with the plane down goes on with what is kept, and says how old it is', async () => {
  stage = new IdentityStage()
  const store = new MemoryStore()
  const before = stage.actor('orders', { store })
  await before.start()
  await before.identity.close()
  assert.match(store.text('identity.json'), /PRIVATE KEY/)
  stage.plane.away = true
  stage.clock.advance(HOUR)
  const asked = stage.plane.asked.length
  const after = stage.actor('orders', { store })
  await after.start()
  assert.equal(after.identity.id, ID)
  assert.equal(after.identity.refusal(), undefined)
  assert.equal(stage.plane.asked.length, asked, 'nobody was asked for a certificate')
  await settled()
  const health = after.identity.health()
  assert.equal(health.from, 'disk')
  assert.equal(health.trustAgeMs, HOUR)
  assert.equal(health.certificateAgeMs, HOUR)
  assert.ok(health.renewalInMs! > 13 * HOUR && health.renewalInMs! <= 13.4 * HOUR, `${health.renewalInMs}`)
  assert.match(health.problem ?? '', /no news about trust/)
  await stage.pass(10 * HOUR, HOUR)
  assert.equal(stage.plane.asked.length, asked, 'half of its life is not over')
  // In strides: from timer to timer every try to hear of trust is a step, and there are hundreds in the hours that are left.
  await stage.pass(3.5 * HOUR, HOUR / 2)
  await untilAsked(asked + 1)
})

test('what is kept and expired is not used, and the start names everything that was tried', async () => {
  stage = new IdentityStage()
  const store = new MemoryStore()
  const before = stage.actor('orders', { store })
  await before.start()
  await before.identity.close()
  stage.plane.away = true
  stage.clock.advance(25 * HOUR)
  const after = stage.actor('orders', { store, startWithinMs: 0 })
  await refused(
    after.start(),
    'TULLE_IDENTITY',
    /no certificate for "orders"/,
    /plane.test:7400 cannot be reached/,
    /kept in \/state is not used: .* expired: it ended at 2026-03-02T12:00:00Z/,
  )
  assert.equal(after.identity.current, undefined)
  assert.equal(after.identity.roots?.length, 1, 'the roots are known all the same, to find the true plane by')
})

test('a plane that is away at the start is waited for, and then the start says so', async () => {
  stage = new IdentityStage()
  stage.plane.away = true
  const orders = stage.actor('orders', { startWithinMs: 5000 })
  const starting = orders.start()
  await untilAsked(3)
  stage.plane.away = false
  await untilAsked(4)
  await starting
  assert.equal(orders.identity.id, ID)
  stage.plane.away = true
  const billing = stage.actor('billing', { startWithinMs: 5000 })
  let error: unknown
  billing.start().catch((reason: unknown) => {
    error = reason
  })
  await until(
    async () => {
      stage.clock.advance(500)
      await settled()
      return error
    },
    { what: 'the start given up' },
  )
  assert.match((error as Error).message, /cannot be reached.*no TULLE_STATE_DIR keeps one/)
})

test('a refusal at the start is not repeated', async () => {
  stage = new IdentityStage()
  stage.plane.refusal = new PlaneRefusal(401, undefined, 'the token was revoked')
  const orders = stage.actor()
  await refused(orders.start(), 'TULLE_IDENTITY', /the token was revoked/)
  assert.equal(stage.plane.asked.length, 1)
  const stolen = stage.actor('orders', { token: joinToken('billing') })
  await refused(stolen.start(), 'TULLE_IDENTITY', /token is for "billing"/, /tulle token create orders/)
  assert.equal(stage.plane.asked.length, 1, 'a token of another service is not sent')
  const empty = stage.actor('orders', { token: undefined })
  await refused(empty.start(), 'TULLE_IDENTITY', /no join token/, /TULLE_JOIN_TOKEN/)
})

test('with keys off nothing secret reaches the disk, and what lay there is removed', async () => {
  stage = new IdentityStage()
  const store = new MemoryStore()
  const before = stage.actor('orders', { store })
  await before.start()
  await before.identity.close()
  assert.ok(store.files.has('identity.json'))
  const after = stage.actor('orders', { store, stateKeys: false })
  await after.start()
  await after.identity.close()
  assert.deepEqual([...store.files.keys()], ['trust.json'])
  assert.equal(stage.plane.asked.length, 2, 'a restart needs the plane')
  stage.plane.away = true
  await refused(
    stage.actor('orders', { store, stateKeys: false, startWithinMs: 0 }).start(),
    'TULLE_IDENTITY',
    /cannot be reached/,
  )
})

test('two services do not share one file of certificates', async () => {
  stage = new IdentityStage()
  const store = new MemoryStore()
  await stage.actor('orders', { store }).start()
  await settled()
  const kept = store.text('identity.json')
  const billing = stage.actor('billing', { store })
  await billing.start()
  await settled()
  assert.equal(billing.identity.id, ID.replace('orders', 'billing'))
  assert.match(problem(billing), /identity.json .*belongs to the service "orders", and this is "billing"/)
  assert.equal(store.text('identity.json'), kept)
})

test('a file that is damaged, of another mesh or may not be believed is a warning, and the plane is asked', async () => {
  const spoil: readonly ((store: MemoryStore) => void)[] = [
    (store) => store.files.set('identity.json', new TextEncoder().encode('{"service":"orders"')),
    (store) =>
      store.files.set(
        'identity.json',
        new TextEncoder().encode('{"service":"orders","key":"x","chain":[""]}'),
      ),
    (store) =>
      store.files.set(
        'identity.json',
        new TextEncoder().encode(
          JSON.stringify({ ...JSON.parse(store.text('identity.json')), key: 'no key' }),
        ),
      ),
    (store) => store.files.set('trust.json', new Uint8Array([0xff])),
    (store) => {
      store.broken = new Error('/state/identity.json has mode 0644; run: chmod 600')
    },
  ]
  for (const damage of spoil) {
    stage = new IdentityStage()
    const store = new MemoryStore()
    const before = stage.actor('orders', { store })
    await before.start()
    await before.identity.close()
    damage(store)
    const after = stage.actor('orders', { store })
    await after.start()
    assert.equal(after.identity.health().from, 'plane')
    assert.ok(
      after.logged.some((line) => /\/state.* is not used/.test(line)),
      after.logged.join('\n'),
    )
    await stage.close()
  }
})

test('a kept certificate of another environment is not used', async () => {
  stage = new IdentityStage({ trustDomain: 'staging.example' })
  const store = new MemoryStore()
  const before = stage.actor('orders', { store, token: joinToken('orders', 'staging.example') })
  await before.start()
  await before.identity.close()
  stage.plane.away = true
  const after = stage.actor('orders', { store, startWithinMs: 0 })
  await refused(after.start(), 'TULLE_IDENTITY', /trust domain staging.example, and ours is test.example/)
})

test('an answer that is not for our key, our service, our trust domain or our roots is never installed', async () => {
  stage = new IdentityStage({ lifetimeMs: HOUR })
  const other = TestCa.create({ wall: stage.wall })
  const { ca } = stage.plane
  const wrong: readonly [RegExp, () => readonly string[]][] = [
    [/the key is not that of/, () => ca.issue().chainPem],
    [/leads to none of the 1 roots/, () => other.issue({ publicKey: keyAsked() }).chainPem],
    [/this is the service "orders"/, () => ca.issue({ service: 'billing', publicKey: keyAsked() }).chainPem],
    [
      /the trust domain is test.example/,
      () => ca.issue({ trustDomain: 'evil.example', publicKey: keyAsked() }).chainPem,
    ],
    [/is a CA certificate/, () => ca.issue({ isCa: true, publicKey: keyAsked() }).chainPem],
    [/there is no certificate/, () => ['nothing']],
  ]
  const orders = stage.actor('orders', { startWithinMs: 0 })
  for (const [reason, chain] of wrong) {
    stage.plane.twist = (answer) => ({ ...answer, chain: chain() })
    await refused(orders.start(), 'TULLE_IDENTITY', reason)
    assert.equal(orders.identity.current, undefined)
  }
  stage.plane.twist = () => ({ hello: 'world' })
  await refused(orders.start(), 'TULLE_IDENTITY', /malformed/)
  stage.plane.twist = (answer) => answer
  await orders.start()
  const good = orders.identity.current
  stage.plane.twist = (answer) => ({ ...answer, chain: ca.issue().chainPem })
  await untilAsked(wrong.length + 3)
  await until(() => problem(orders).includes('the key is not that of'), { what: 'the problem' })
  assert.equal(orders.identity.current, good)
})

/** The key of the newest request, of which only the public half exists outside its process. */
function keyAsked(): KeyObject {
  const csr = readCsr((stage.plane.asked.at(-1)!.body as { csr: string }).csr)
  assert.ok(!isMeshError(csr))
  return csr.publicKey
}

test('FAULTS 40: clocks five minutes apart do not matter, a day apart is said in so many words', async () => {
  stage = new IdentityStage()
  for (const clockSkewMs of [-5 * MINUTE, 5 * MINUTE]) {
    const near = stage.actor('orders', { clockSkewMs })
    await near.start()
    assert.equal(near.identity.refusal(), undefined)
  }
  await refused(
    stage.actor('orders', { clockSkewMs: -DAY, startWithinMs: 0 }).start(),
    'TULLE_IDENTITY',
    /not yet valid: it begins at 2026-03-01T11:55:00Z, and our clock says 2026-02-28T12:00:00Z/,
    /Compare the clocks/,
  )
  await refused(
    stage.actor('orders', { clockSkewMs: DAY + MINUTE, startWithinMs: 0 }).start(),
    'TULLE_IDENTITY',
    /has expired: .* our clock says 2026-03-02T12:01:00Z/,
    /Compare the clocks/,
  )
})

test('a ban reaches everybody who polls, and stops the renewal of the banned', async () => {
  stage = new IdentityStage()
  const orders = stage.actor('orders')
  const billing = stage.actor('billing')
  await orders.start()
  await billing.start()
  const peer = orders.identity.judge(stage.plane.ca.issue({ service: 'billing' }).chain)
  assert.ok(!isMeshError(peer))
  assert.equal(orders.identity.objection(peer), undefined)
  await settled()
  stage.plane.ban(ID.replace('orders', 'billing'))
  await stage.pass(1000)
  assert.deepEqual(orders.changes, ['renewed', 'trust'])
  assert.match(orders.identity.objection(peer)?.message ?? '', /billing is banned/)
  const again = orders.identity.judge(stage.plane.ca.issue({ service: 'billing' }).chain)
  assert.ok(isMeshError(again) && again.code === 'TULLE_PEER')
  assert.match(problem(billing), /svc\/billing is banned/)
  assert.equal(orders.identity.health().denied, 1)
  stage.clock.advance(14.5 * HOUR)
  await until(() => problem(billing).includes('is not for you'), { what: 'the renewal refused' })
  assert.equal(billing.identity.current?.notAfterMs, stage.wall() + 9.5 * HOUR - 1000, 'no new one')
  stage.plane.denied = []
  stage.plane.changed()
  await stage.pass(2000, 500)
  assert.equal(orders.identity.objection(peer), undefined, 'a ban can be lifted')
  assert.deepEqual(orders.changes, ['renewed', 'trust', 'renewed', 'renewed'])
})

test('what is kept about trust is at most an hour older than the last word of the plane, also where nothing changes', async () => {
  stage = new IdentityStage()
  const store = new MemoryStore()
  const orders = stage.actor('orders', { store })
  await orders.start()
  await settled()
  const confirmedMs = (): number => JSON.parse(store.text('trust.json')).confirmedMs
  const first = confirmedMs()
  await stage.pass(30 * MINUTE, MINUTE)
  assert.equal(confirmedMs(), first, 'the disk is left alone')
  await stage.pass(3 * HOUR, MINUTE)
  assert.ok(stage.wall() - confirmedMs() <= HOUR + 2 * MINUTE)
})

test('FAULTS 33, 47: an older, empty, duplicate, foreign or altered bundle changes nothing and is a problem', async () => {
  stage = new IdentityStage()
  const orders = stage.actor()
  await orders.start()
  await settled()
  stage.plane.rotate()
  await stage.pass(1000)
  const roots = orders.identity.roots
  assert.equal(roots?.length, 2)
  const good = stage.plane.trust()
  const bundle = JSON.parse(good.bundle)
  const stranger = TestCa.create({ wall: stage.wall })
  const asText = (content: object): object => ({ ...good, bundle: JSON.stringify(content) })
  const bad: readonly [RegExp, unknown][] = [
    [/its number is 1, and we know 2/, asText({ ...bundle, keys: bundle.keys.slice(1), spiffe_sequence: 1 })],
    [/no root certificate that can be used/, asText({ ...bundle, keys: [], spiffe_sequence: 3 })],
    [/"keys" twice/, { ...good, bundle: good.bundle.replace('{', '{"keys":[],') }],
    [/trust domain evil.example, and ours is test.example/, { ...good, trustDomain: 'evil.example' }],
    [
      /other roots than the one we know under its number, 2/,
      asText({
        ...bundle,
        keys: [{ ...bundle.keys[0], x5c: [Buffer.from(stranger.root).toString('base64')] }],
      }),
    ],
    [/malformed/, { trustDomain: 'test.example' }],
    [/malformed/, '<html>'],
  ]
  for (const [reason, body] of bad) {
    stage.plane.trustBody = body
    stage.plane.changed()
    await until(
      async () => {
        stage.clock.advance(1000)
        await settled()
        return reason.test(problem(orders))
      },
      { what: `${reason}`, withinMs: 1500, seen: () => problem(orders) },
    )
    assert.deepEqual(orders.identity.roots, roots)
  }
  stage.plane.trustBody = undefined
  stage.plane.changed()
  await stage.pass(16_000, 1000)
  assert.equal(problem(orders), '')
})

test('FAULTS 39: after the old root is gone nothing it signed is believed, and who still has it asks at once', async () => {
  stage = new IdentityStage()
  const orders = stage.actor()
  await orders.start()
  await settled()
  const peer = orders.identity.judge(stage.plane.ca.issue({ service: 'billing' }).chain)
  assert.ok(!isMeshError(peer))
  stage.plane.rotate()
  await stage.pass(1000)
  assert.equal(orders.identity.objection(peer), undefined, 'both are believed')
  stage.plane.retire()
  await stage.pass(1000)
  assert.equal(orders.changes.at(-1), 'trust')
  assert.match(orders.identity.objection(peer)?.message ?? '', /leads to none of the roots/)
  const asked = stage.plane.asked.length
  stage.clock.advance(0)
  await until(() => stage.plane.asked.length > asked, { what: 'a renewal out of its time' })
  await until(() => orders.changes.at(-1) === 'renewed', { what: 'the new certificate' })
  const levels = orders.identity.health().levels
  assert.deepEqual(
    levels.map(({ level }) => level),
    ['leaf', 'root'],
  )
})

test('a plane that does not know our certificate any more is shown the token', async () => {
  stage = new IdentityStage({ lifetimeMs: HOUR })
  const orders = stage.actor()
  await orders.start()
  stage.plane.refusal = new PlaneRefusal(401, undefined, 'nobody we know')
  await untilAsked(3)
  assert.deepEqual(
    stage.plane.asked.map(({ auth }) => auth),
    ['token', 'identity', 'token'],
  )
  stage.plane.refusal = undefined
  await untilAsked(4)
  await untilGeneration(stage, orders, 2)
  assert.equal(problem(orders), '')
})

test('health has the days left of every level, the source and the ages', async () => {
  stage = new IdentityStage()
  const orders = stage.actor()
  await orders.start()
  stage.plane.ca = stage.plane.ca.intermediate({ lifetimeMs: 31 * DAY })
  stage.clock.advance(14.4 * HOUR)
  await untilGeneration(stage, orders, 2)
  stage.clock.advance(HOUR)
  await settled()
  const { id, source, levels, certificateAgeMs, renewalInMs, notAfterMs } = orders.identity.health()
  assert.equal(id, ID)
  assert.equal(source, 'plane https://plane.test:7400')
  assert.deepEqual(
    levels.map(({ level, subject, daysLeft }) => [level, subject.replace(/\d+$/, 'n'), Math.round(daysLeft)]),
    [
      ['leaf', ID, 1],
      ['intermediate', 'CN=tulle test intermediate n', 30],
      ['root', 'CN=tulle test root n', 3649],
    ],
  )
  assert.equal(certificateAgeMs, HOUR)
  assert.ok(Math.abs(renewalInMs! - 13.4 * HOUR) < 2000, `${renewalInMs}`)
  assert.equal(notAfterMs, orders.identity.current?.notAfterMs)
})

test('a disk that fails is a problem and not an end', async () => {
  stage = new IdentityStage()
  const store = new MemoryStore()
  store.broken = new Error('the disk is full')
  const orders = stage.actor('orders', { store })
  await orders.start()
  await settled()
  assert.equal(orders.identity.refusal(), undefined)
  assert.match(problem(orders), /a restart will need the plane: the disk is full/)
})

test('a start that is given up, and a close, leave no timer and no poll', async () => {
  stage = new IdentityStage()
  const orders = stage.actor()
  await orders.start()
  await orders.identity.close()
  await settled()
  assert.equal(stage.clock.armed, 0)
  stage.plane.away = true
  const billing = stage.actor('billing', { startWithinMs: HOUR })
  const giveUp = new AbortController()
  const starting = billing.identity.start(giveUp.signal)
  await untilAsked(3)
  giveUp.abort(new Error('no patience'))
  await assert.rejects(starting, /no patience/)
  await billing.identity.close()
  assert.equal(stage.clock.armed, 0)
})
