import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { isMeshError } from '../../../src/core/errors.ts'
import { sha256Of } from '../../../src/identity/bundle.ts'
import { ConsulIdentitySource } from '../../../src/identity/consul-source.ts'
import { certificatesOf } from '../../../src/identity/pem.ts'
import { ConnectIdentity } from '../../../src/plane/consul/identity.ts'
import { ManualClock } from '../../../src/testing/manual-clock.ts'
import { ConnectCa, TRUST_DOMAIN } from '../../kit/connect-ca.ts'
import type { Cleanup } from '../../kit/process.ts'
import { until as passing } from '../../kit/wait.ts'

const PREFIX = `spiffe://${TRUST_DOMAIN}/ns/default/dc/dc1/svc/`
const NOON = Date.UTC(2026, 2, 1, 12)

function world(service = 'tulle-plane') {
  const clock = new ManualClock()
  const wall = (): number => NOON + clock.now()
  const agent = new ConnectCa({ clock, wall })
  const log = { debug() {}, info() {}, warn() {}, error() {} }
  const source = new ConsulIdentitySource({ service, link: agent, clock, wall, random: () => 0.5, log })
  const start = async (t: Cleanup): Promise<ConnectIdentity> => {
    const identity = await ConnectIdentity.start({ source, wall, log })
    t.after(() => identity.close())
    return identity
  }
  /** Lets time pass until it is so. */
  const until = (condition: () => boolean, what: string): Promise<unknown> =>
    passing(
      () => {
        clock.advance(1000)
        return condition()
      },
      { what },
    )
  return { agent, start, until }
}

const rootsOf = (agent: ConnectCa): string[] =>
  agent.roots.flatMap(({ rootPem }) => certificatesOf(rootPem).map(sha256Of))

test('a plane shows its Connect leaf with the roots behind it, and pins the root it rests on', async (t) => {
  const { agent, start } = world()
  const identity = await start(t)
  assert.equal(identity.trustDomain, TRUST_DOMAIN)
  assert.deepEqual([identity.rootSha256], rootsOf(agent))
  const { key, cert, ca } = identity.tls
  const shown = certificatesOf(cert)
  assert.equal(shown.length, 2)
  assert.match(new X509Certificate(shown[0]!).subjectAltName ?? '', /URI:spiffe:.*\/svc\/tulle-plane$/)
  assert.deepEqual(shown.slice(1).map(sha256Of), rootsOf(agent))
  assert.equal(ca.length, 1)
  assert.match(key, /PRIVATE KEY/)
})

test('a service is whose ID is in our namespace and datacenter, and nobody else', async (t) => {
  const identity = await world().start(t)
  assert.equal(identity.serviceOf(`${PREFIX}orders`), 'orders')
  for (const id of [
    PREFIX,
    `${PREFIX}orders/x`,
    `spiffe://other.consul/ns/default/dc/dc1/svc/orders`,
    `spiffe://${TRUST_DOMAIN}/ns/shop/dc/dc1/svc/orders`,
    `spiffe://${TRUST_DOMAIN}/ns/default/dc/dc2/svc/orders`,
    'orders',
  ])
    assert.equal(identity.serviceOf(id), undefined, id)
})

test('FAULTS 38: while Consul’s root is rotated the new leaf is told, both roots count, and the token of before holds', async (t) => {
  const { agent, start, until } = world()
  const identity = await start(t)
  const before = identity.rootSha256
  let told = 0
  identity.onChange(() => told++)
  agent.rotate()
  await until(() => identity.roots.length === 2, 'both roots')
  assert.equal(identity.rootSha256, before, 'the leaf is still the old one')
  agent.reissue()
  await until(() => identity.rootSha256 !== before, 'the new leaf')
  assert.equal(identity.rootSha256, rootsOf(agent)[0])
  assert.equal(identity.intermediates.length, 1)
  const shown = certificatesOf(identity.tls.cert).map(sha256Of)
  assert.ok(shown.includes(before), 'who pins the old root finds it')
  assert.ok(told >= 2)
})

test('a certificate that is not that of a plane is refused at the start', async (t) => {
  const { start } = world('orders')
  await assert.rejects(start(t), (error) => {
    assert.ok(isMeshError(error) && error.code === 'TULLE_IDENTITY')
    assert.match(error.message, /\/svc\/orders, not of a plane$/)
    return true
  })
})

test('who has removed himself is told nothing', async (t) => {
  const { agent, start, until } = world()
  const identity = await start(t)
  let told = 0
  identity.onChange(() => told++)()
  agent.rotate()
  await until(() => identity.roots.length === 2, 'both roots')
  assert.equal(told, 0)
})
