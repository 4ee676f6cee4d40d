import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMeshError } from '../src/core/errors.ts'
import { DeferredIdentity } from '../src/deferred-identity.ts'
import { MeshIdentity, readBundle } from '../src/identity/index.ts'
import type { Holding, IdentitySource } from '../src/identity/source.ts'
import { ManualClock } from '../src/testing/manual-clock.ts'
import { TestCa } from './kit/certificates.ts'

const ca = TestCa.create()
const leaf = ca.issue({ service: 'orders' })

function holding(denied: string[] = []): Holding {
  const bundle = readBundle(ca.rootPem, 'test.example')
  assert.ok(!isMeshError(bundle))
  return { trust: { bundle, denied: new Set(denied) }, credentials: leaf }
}

class Source implements IdentitySource {
  readonly name = 'a script'
  starts = 0
  closes = 0
  failing: Error | undefined
  tell: (holding: Holding) => void = () => {}

  async start(onHolding: (holding: Holding) => void): Promise<void> {
    this.starts++
    if (this.failing !== undefined) throw this.failing
    this.tell = onHolding
    onHolding(holding())
  }

  health() {
    return {
      from: undefined,
      certificateAgeMs: undefined,
      trustAgeMs: undefined,
      renewalInMs: undefined,
      problem: undefined,
    }
  }

  async close(): Promise<void> {
    this.closes++
  }
}

function world() {
  const source = new Source()
  let loads = 0
  const log = { debug() {}, info() {}, warn() {}, error() {} }
  const clock = new ManualClock()
  const identity = new DeferredIdentity(async () => {
    loads++
    return new MeshIdentity({ service: 'orders', source, clock, wall: Date.now, log })
  })
  return { source, identity, loads: () => loads, start: () => identity.start(new AbortController().signal) }
}

test('before the start there is no certificate, and nobody is believed: neither a peer nor a plane', async () => {
  const { identity, loads } = world()
  assert.deepEqual(
    [identity.id, identity.current, identity.roots, identity.trustDomain],
    Array(4).fill(undefined),
  )
  assert.deepEqual([identity.idOf('stock'), identity.health()], [undefined, undefined])
  const peer = { id: '', service: '', serial: '', notAfterMs: Number.POSITIVE_INFINITY, chain: leaf.chain }
  for (const error of [
    identity.refusal(),
    identity.judge(leaf.chain),
    identity.objection(peer),
    identity.verifyPlane(leaf.chain, 'test.example', Date.now()),
  ])
    assert.ok(isMeshError(error) && error.code === 'TULLE_IDENTITY')
  await identity.close()
  assert.equal(loads(), 0)
})

test('from the start on it is the identity of the room, for listeners of before as well', async () => {
  const { identity, source, start } = world()
  const changes: string[] = []
  const remove = identity.onChange((change) => changes.push(change))
  await start()
  assert.equal(identity.id, 'spiffe://test.example/ns/default/dc/dc1/svc/orders')
  assert.equal(identity.idOf('stock'), 'spiffe://test.example/ns/default/dc/dc1/svc/stock')
  assert.deepEqual(
    [identity.refusal(), identity.trustDomain, identity.roots?.length],
    [undefined, 'test.example', 1],
  )
  assert.ok(identity.current !== undefined && !isMeshError(identity.judge(leaf.chain)))
  const { message } = identity.verifyPlane(leaf.chain, 'test.example', Date.now()) ?? {}
  assert.match(message ?? '', /not the plane of test\.example/)
  source.tell(holding(['spiffe://test.example/ns/default/dc/dc1/svc/evil']))
  assert.deepEqual(changes, ['renewed', 'trust'])
  remove()
  source.tell(holding())
  assert.equal(changes.length, 2)
  await identity.close()
  assert.equal(source.closes, 1)
})

test('a start that failed is made again with what was loaded, and each change is told once', async () => {
  const { identity, source, loads, start } = world()
  source.failing = new Error('no plane')
  await assert.rejects(start(), /no plane/)
  await identity.close()
  source.failing = undefined
  const changes: string[] = []
  identity.onChange((change) => changes.push(change))
  await start()
  assert.deepEqual([loads(), source.starts, changes], [1, 2, ['renewed']])
  await identity.close()
})

test('a start that is given up while the room loads starts nothing', async () => {
  const { identity, source } = world()
  const late = new AbortController()
  const start = identity.start(late.signal)
  late.abort(new Error('too late'))
  await assert.rejects(start, /too late/)
  assert.equal(source.starts, 0)
})
