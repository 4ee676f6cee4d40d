import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { ConsulRefusal } from '../../src/core/consul.ts'
import { isMeshError } from '../../src/core/errors.ts'
import { TestCa } from '../kit/certificates.ts'
import { TRUST_DOMAIN } from '../kit/connect-ca.ts'
import { type ConnectActor, ConnectStage } from '../kit/connect-stage.ts'
import { DAY, HOUR, MemoryStore, MINUTE, settled } from '../kit/identity-stage.ts'
import { until } from '../kit/wait.ts'

let stage: ConnectStage
afterEach(() => stage.close())

const ID = `spiffe://${TRUST_DOMAIN}/ns/default/dc/dc1/svc/orders`
const problem = ({ identity }: ConnectActor): string => identity.health().problem ?? ''

/** How often a leaf was asked for without blocking. */
const beside = (): number =>
  stage.agent.requests.filter(({ index, path }) => index === undefined && path.includes('/leaf/')).length

/** Lets time pass until the promise is settled. @returns what it rejected with; undefined: it did not */
async function ended(promise: Promise<unknown>): Promise<unknown> {
  let end: { error?: unknown } | undefined
  promise.then(
    () => {
      end = {}
    },
    (error: unknown) => {
      end = { error }
    },
  )
  await until(
    async () => {
      await settled()
      if (end === undefined) stage.clock.advance(100)
      return end
    },
    { what: 'an end', everyMs: 0 },
  )
  return end?.error
}

async function refused(promise: Promise<unknown>, ...words: RegExp[]): Promise<void> {
  const error = await ended(promise)
  assert.ok(isMeshError(error), String(error))
  assert.equal(error.code, 'TULLE_IDENTITY', error.message)
  for (const word of words) assert.match(`${error.message} ${error.hint}`, word)
}

test('a service is who the agent says it is, and believes every root that is listed', async () => {
  stage = new ConnectStage()
  stage.agent.rotate()
  const { identity, source, start } = stage.actor()
  assert.equal(source.idOf({ service: 'billing' }), undefined)
  await start()
  assert.equal(identity.id, ID)
  assert.equal(identity.refusal(), undefined)
  assert.equal(identity.trustDomain, TRUST_DOMAIN)
  assert.equal(identity.roots?.length, 2, 'the active one and the other')
  assert.deepEqual(
    identity.health().levels.map(({ level }) => level),
    ['leaf', 'intermediate', 'root', 'root'],
    'the cross-signed one is sent, and is no root',
  )
  const health = identity.health()
  assert.equal(health.from, 'consul')
  assert.equal(health.source, 'Consul http://127.0.0.1:8500')
  assert.equal(health.problem, undefined)
})

test('no other service is asked about, and no more than two queries are open', async () => {
  stage = new ConnectStage()
  const orders = stage.actor()
  await orders.start()
  await stage.pass(10 * MINUTE, 5000)
  const paths = new Set(stage.agent.requests.map(({ path }) => path))
  assert.deepEqual([...paths].sort(), ['/v1/agent/connect/ca/leaf/orders', '/v1/agent/connect/ca/roots'])
  assert.ok(stage.agent.requests.length < 2 * 13, `${stage.agent.requests.length} requests in ten minutes`)
  assert.equal(orders.identity.current?.generation, 1, 'the same answer is no renewal')
  assert.ok(orders.identity.health().trustAgeMs! <= MINUTE, 'each answer confirms the roots')
})

test('IDs of other services, datacenters and namespaces are of the one trust domain', async () => {
  stage = new ConnectStage()
  const { identity, source, start } = stage.actor()
  await start()
  assert.equal(identity.idOf('billing'), ID.replace('orders', 'billing'))
  const base = `spiffe://${TRUST_DOMAIN}`
  assert.equal(source.idOf({ service: 'billing' }), `${base}/ns/default/dc/dc1/svc/billing`)
  assert.equal(
    source.idOf({ service: 'billing', datacenter: 'dc2', namespace: 'pay' }),
    `${base}/ns/pay/dc/dc2/svc/billing`,
  )
  assert.equal(source.idOf({ service: 'billing/../orders' }), undefined)
  assert.equal(source.idOf({ service: 'billing', datacenter: 'dc1/svc/x' }), undefined)
})

test('FAULTS 36: across 50 leaves there is a usable one at every moment', async () => {
  stage = new ConnectStage()
  const orders = stage.actor()
  await orders.start()
  for (let generation = 2; generation <= 51; generation++) {
    stage.agent.reissue()
    await stage.pass(HOUR, 20 * MINUTE)
    assert.equal(orders.identity.current?.generation, generation)
    assert.equal(orders.identity.refusal(), undefined)
  }
  assert.ok(orders.changes.every((change) => change === 'renewed'))
})

const MINUTE_LATE = { notBeforeMs: Date.UTC(2026, 2, 1, 12, 2), notAfterMs: Date.UTC(2026, 2, 4) }

test('what must not become ours is refused with its reason, and the last good one stays', async () => {
  const wrong: [string, (agent: ConnectStage['agent']) => void, RegExp][] = [
    ['expired', (agent) => Object.assign(agent, { issuing: { lifetimeMs: -1 } }), /has expired/],
    [
      'an hour early',
      (agent) =>
        Object.assign(agent, { issuing: { notBeforeMs: Date.UTC(2026, 2, 1, 13), lifetimeMs: DAY } }),
      /not yet valid/,
    ],
    [
      "another key's",
      (agent) => {
        const { key } = agent.leaf('billing')
        agent.twistLeaf = (body) => ({ ...body, PrivateKeyPEM: key.export({ type: 'sec1', format: 'pem' }) })
      },
      /the key is not that of/,
    ],
    [
      "another service's",
      (agent) => Object.assign(agent, { issuing: { service: 'billing' } }),
      /it is .*svc\/billing, and this is the service "orders"/,
    ],
    [
      "another service's by name",
      (agent) => {
        agent.twistLeaf = (body) => ({ ...body, Service: 'billing' })
      },
      /for the service "billing"/,
    ],
    [
      'of another URI than it says',
      (agent) => {
        agent.twistLeaf = (body) => ({ ...body, ServiceURI: 'spiffe://elsewhere.consul/x' })
      },
      /the agent says spiffe:\/\/elsewhere.consul\/x/,
    ],
    [
      'of another trust domain',
      (agent) => Object.assign(agent, { issuing: { trustDomain: 'elsewhere.consul' } }),
      /elsewhere.consul.*and the trust domain is 1111/,
    ],
    [
      'of no root that is listed',
      (agent) => {
        agent.rotate()
        agent.roots = agent.roots.slice(1)
        agent.extra = []
      },
      /leads to none of the 1 roots/,
    ],
    [
      'no key at all',
      (agent) => {
        agent.twistLeaf = (body) => ({ ...body, PrivateKeyPEM: 'nothing' })
      },
      /PrivateKeyPEM: it is no private key/,
    ],
    [
      'a number',
      (agent) => {
        agent.twistLeaf = (body) => ({ ...body, CertPEM: 7 })
      },
      /CertPEM: /,
    ],
  ]
  for (const [what, twist, reason] of wrong) {
    stage = new ConnectStage()
    const orders = stage.actor()
    await orders.start()
    twist(stage.agent)
    stage.agent.reissue()
    await stage.pass(20_000, 1000)
    assert.equal(orders.identity.current?.generation, 1, what)
    assert.equal(orders.identity.refusal(), undefined, what)
    assert.match(problem(orders), reason, what)
    assert.doesNotMatch(problem(orders), /PRIVATE KEY/)
    const fresh = stage.actor('orders', { startWithinMs: 2000 })
    await refused(fresh.start(), /no certificate for "orders"/, reason)
    stage.agent.issuing = {}
    stage.agent.twistLeaf = (body) => body
    stage.agent.retire()
    stage.agent.reissue()
    await stage.pass(20_000, 1000)
    assert.notEqual(orders.identity.current?.generation, 1, `${what}, then a good one`)
    assert.equal(orders.identity.health().problem, undefined, what)
    await stage.close()
  }
})

test('FAULTS 40: our clock may be some minutes late, as Consul backdates by one only', async () => {
  stage = new ConnectStage()
  stage.agent.issuing = MINUTE_LATE
  const orders = stage.actor()
  await orders.start()
  assert.equal(orders.identity.id, ID)
})

test('FAULTS 40: a root that begins in ten seconds by our clock is believed from then on', async () => {
  stage = new ConnectStage()
  const soon = TestCa.create({ trustDomain: TRUST_DOMAIN, wall: () => stage.wall() + DAY + 10_000 })
  const RootCert = soon.rootPem
  stage.agent.twistRoots = (body) => ({ ...body, Roots: [{ RootCert }, ...(body.Roots as object[])] })
  const orders = stage.actor()
  await orders.start()
  assert.equal(orders.identity.roots?.length, 1)
  await stage.pass(9000, 1000)
  assert.equal(orders.identity.roots?.length, 1)
  await stage.pass(2000, 1000)
  assert.equal(orders.identity.roots?.length, 2)
  assert.deepEqual(orders.changes, ['renewed', 'renewed'])
})

test('the cluster is made anew: its other trust domain is refused and both are named, until a restart', async () => {
  stage = new ConnectStage()
  const store = new MemoryStore()
  const orders = stage.actor('orders', { store })
  await orders.start()
  const other = new ConnectStage({ trustDomain: 'other.consul' })
  stage.agent.twistRoots = () => ({
    TrustDomain: 'other.consul',
    Roots: [{ RootCert: other.agent.ca.rootPem }],
  })
  const { key, chainPem } = other.agent.leaf('orders')
  stage.agent.twistLeaf = () => ({
    CertPEM: chainPem.join(''),
    PrivateKeyPEM: key.export({ type: 'sec1', format: 'pem' }),
    ServiceURI: 'spiffe://other.consul/ns/default/dc/dc1/svc/orders',
  })
  stage.agent.retire()
  stage.agent.reissue()
  await stage.pass(20_000, 1000)
  assert.equal(orders.identity.trustDomain, TRUST_DOMAIN)
  assert.equal(orders.identity.id, ID)
  assert.match(problem(orders), /trust domain other.consul, and ours is 11111111-/)
  await orders.identity.close()
  const restarted = stage.actor('orders', { store })
  await restarted.start()
  assert.equal(restarted.identity.trustDomain, 'other.consul', 'the agent counts, not what is kept')
})

test('roots that are no answer change nothing', async () => {
  stage = new ConnectStage()
  const orders = stage.actor()
  await orders.start()
  const before = orders.identity.roots
  for (const body of [
    {},
    { TrustDomain: TRUST_DOMAIN, Roots: [] },
    { TrustDomain: TRUST_DOMAIN, Roots: null },
  ]) {
    stage.agent.twistRoots = () => body
    stage.agent.rotate()
    await stage.pass(20_000, 1000)
    assert.match(
      problem(orders),
      /no news about trust: .*malformed: Roots|no news about trust: .*TrustDomain/,
    )
    assert.equal(orders.identity.roots, before)
  }
  stage.agent.twistRoots = (body) => body
  await stage.pass(20_000, 1000)
  assert.notEqual(orders.identity.roots, before)
  assert.match(
    problem(orders),
    /our certificate, which leads to none of the roots, was not renewed: the agent has no other/,
  )
  stage.agent.reissue()
  await stage.pass(1000)
  assert.equal(problem(orders), '')
})

test('FAULTS 20: without the agent a start uses what is kept; the agent, when it is back, is followed', async () => {
  stage = new ConnectStage()
  const store = new MemoryStore()
  const before = stage.actor('orders', { store })
  await before.start()
  await before.identity.close()
  stage.agent.away = true
  await stage.pass(HOUR)
  const after = stage.actor('orders', { store })
  assert.equal(await ended(after.start()), undefined)
  assert.equal(after.identity.id, ID)
  const health = after.identity.health()
  assert.equal(health.from, 'disk')
  assert.equal(health.certificateAgeMs, HOUR)
  assert.match(health.problem ?? '', /no news about our certificate: no Consul agent at/)
  stage.agent.rotate()
  stage.agent.reissue()
  stage.agent.back()
  await stage.pass(2000, 500)
  assert.equal(after.identity.health().from, 'consul')
  assert.equal(after.identity.health().problem, undefined)
  assert.equal(after.identity.roots?.length, 2)
  assert.equal(after.identity.current?.generation, 3, 'a root more, and a leaf')
})

test('FAULTS 20: an agent that hangs at the start is waited for by a second where something is kept', async () => {
  stage = new ConnectStage()
  const store = new MemoryStore()
  const before = stage.actor('orders', { store })
  await before.start()
  await before.identity.close()
  const after = stage.actor('orders', {
    store,
    link: { address: stage.agent.address, send: () => new Promise(() => {}), close: async () => {} },
  })
  const startedMs = stage.clock.now()
  assert.equal(await ended(after.start()), undefined)
  assert.ok(stage.clock.now() - startedMs <= 1100)
  assert.equal(after.identity.health().from, 'disk')
})

test('FAULTS 20: without agent and without anything kept the start fails, and names address and cause', async () => {
  stage = new ConnectStage()
  stage.agent.away = true
  await refused(
    stage.actor().start(),
    /no certificate for "orders": no Consul agent at http:\/\/127.0.0.1:8500: connect ECONNREFUSED/,
    /no TULLE_STATE_DIR keeps one/,
  )
  await refused(stage.actor('orders', { store: new MemoryStore() }).start(), /none is kept in \/state/)
  stage.agent.away = false
  const store = new MemoryStore()
  const before = stage.actor('orders', { store })
  await before.start()
  await before.identity.close()
  stage.agent.away = true
  await stage.pass(4 * DAY, DAY)
  await refused(
    stage.actor('orders', { store }).start(),
    /ECONNREFUSED/,
    /kept in \/state is not used: .*has expired/,
  )
})

test('an agent that comes late is waited for', async () => {
  stage = new ConnectStage()
  stage.agent.away = true
  const orders = stage.actor()
  const starting = orders.start()
  await stage.pass(2000, 200)
  stage.agent.back()
  assert.equal(await ended(starting), undefined)
  assert.equal(orders.identity.id, ID)
})

test('a start that is broken off leaves nothing behind', async () => {
  stage = new ConnectStage()
  stage.agent.away = true
  const { identity } = stage.actor()
  const controller = new AbortController()
  const starting = identity.start(controller.signal)
  await stage.pass(500, 100)
  controller.abort(new Error('changed my mind'))
  await assert.rejects(starting, /changed my mind/)
  assert.equal(stage.clock.armed, 0)
})

test('a source that was closed starts anew, also where the agent has the same certificate still', async () => {
  stage = new ConnectStage()
  const { identity, source, changes, start } = stage.actor()
  await start()
  await identity.close()
  const asked = stage.agent.requests.length
  await start()
  assert.equal(identity.refusal(), undefined)
  assert.ok(stage.agent.requests.length > asked)
  assert.equal(source.health().from, 'consul')
  assert.equal(identity.health().problem, undefined)
  assert.ok(changes.length > 0)
})

test('a token without the right is refused at once, with the rule that it takes', async () => {
  stage = new ConnectStage()
  stage.agent.refusal = new ConsulRefusal(
    403,
    'Permission denied',
    'http://127.0.0.1:8500 refused with 403: Permission denied',
  )
  await refused(stage.actor().start(), /Permission denied/, /service "orders" \{ policy = "write" \}/)
  assert.equal(stage.agent.asked, 1)
  stage.agent.refusal = new ConsulRefusal(
    500,
    'Connect must be enabled in order to use this endpoint',
    'refused with 500',
  )
  await refused(stage.actor().start(), /connect \{ enabled = true \}/)
  assert.equal(stage.agent.asked, 2)
})

test('a token that is not known everywhere yet, and a cluster without a leader, are waited for', async () => {
  for (const [status, words] of [
    [403, 'ACL not found'],
    [500, 'No cluster leader'],
    [429, 'slow down'],
  ] as const) {
    stage = new ConnectStage()
    stage.agent.refusal = new ConsulRefusal(status, words, words)
    const orders = stage.actor()
    const starting = orders.start()
    await stage.pass(1000, 100)
    stage.agent.refusal = undefined
    assert.equal(await ended(starting), undefined)
    assert.equal(orders.identity.id, ID)
    await stage.close()
  }
})

test('FAULTS 25: a right that is lost later is a problem that names the rule, a token that is lost one that says so', async () => {
  stage = new ConnectStage()
  const orders = stage.actor()
  await orders.start()
  stage.agent.refusal = new ConsulRefusal(403, 'Permission denied', 'refused with 403: Permission denied')
  await stage.pass(2 * MINUTE, 5000)
  assert.match(problem(orders), /Permission denied; .*service "orders" \{ policy = "write" \}/)
  stage.agent.refusal = new ConsulRefusal(403, 'ACL not found', 'refused with 403: ACL not found')
  await stage.pass(2 * MINUTE, 5000)
  assert.match(problem(orders), /ACL not found; Consul does not know this ACL token$/)
  assert.equal(orders.identity.refusal(), undefined)
  stage.agent.refusal = undefined
  await stage.pass(MINUTE, 5000)
  assert.equal(problem(orders), '')
})

test('with keys off nothing secret reaches the disk, and what lay there is removed', async () => {
  stage = new ConnectStage()
  const store = new MemoryStore()
  const before = stage.actor('orders', { store })
  await before.start()
  await before.identity.close()
  assert.match(store.text('identity.json'), /PRIVATE KEY/)
  const after = stage.actor('orders', { store, stateKeys: false })
  await after.start()
  await after.identity.close()
  assert.deepEqual([...store.files.keys()], ['trust.json'])
})

test('FAULTS 39: an old root that is gone is told as lost trust, and a leaf of it is replaced', async () => {
  stage = new ConnectStage()
  const orders = stage.actor()
  await orders.start()
  stage.agent.rotate()
  await stage.pass(1000)
  assert.deepEqual(orders.changes, ['renewed', 'renewed'], 'a root more endangers nobody')
  stage.agent.leafHangs = true
  stage.agent.retire()
  stage.agent.leaf('orders')
  await stage.pass(1000, 100)
  assert.ok(orders.changes.includes('trust'))
  assert.equal(orders.identity.roots?.length, 1)
  assert.match(problem(orders), /was not renewed: the agent has no other/)
  stage.agent.extra = []
  stage.agent.reissue()
  await stage.pass(MINUTE, 1000)
  assert.equal(problem(orders), '')
  assert.equal(orders.identity.health().levels.length, 2)
})

test('FAULTS 37: past 70 % of its life a leaf is asked for beside a query that hangs', async () => {
  stage = new ConnectStage()
  const orders = stage.actor()
  await orders.start()
  stage.agent.leafHangs = true
  const blocked = stage.agent.asked
  await stage.pass(50 * HOUR, 5 * HOUR)
  const before = beside()
  assert.ok(stage.agent.asked > blocked, 'the hanging query is given up and asked anew')
  stage.agent.reissue()
  await stage.pass(HOUR, MINUTE)
  assert.ok(beside() > before)
  assert.equal(orders.identity.current?.generation, 2)
  assert.equal(problem(orders), '')
})

test('FAULTS 37: a leaf that nobody renews raises the alarm at 90 % of its life, and at its end all is refused', async () => {
  stage = new ConnectStage()
  const orders = stage.actor()
  await orders.start()
  await stage.pass(50 * HOUR, HOUR)
  await stage.pass(14 * HOUR, 10 * MINUTE)
  assert.equal(problem(orders), '', 'the agent may choose a moment up to 90 % of its life')
  await stage.pass(2 * HOUR, 10 * MINUTE)
  assert.match(
    problem(orders),
    /our certificate, which ends in \d+ h.*was not renewed: the agent has no other/,
  )
  assert.ok(orders.identity.health().levels[0]!.daysLeft < 0.3)
  assert.equal(orders.identity.refusal(), undefined)
  assert.equal(orders.logged.filter((line) => line.includes('was not renewed')).length, 1, 'one warning')
  await stage.pass(7 * HOUR, 10 * MINUTE)
  assert.equal(orders.identity.refusal()?.code, 'TULLE_IDENTITY_EXPIRED')
  stage.agent.reissue()
  await stage.pass(2 * MINUTE, 1000)
  assert.equal(orders.identity.refusal(), undefined)
  assert.equal(problem(orders), '')
})
