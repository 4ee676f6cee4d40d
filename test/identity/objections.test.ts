import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MeshError } from '../../src/core/errors.ts'
import type { VerifiedPeer } from '../../src/core/identity.ts'
import type { MeshIdentity } from '../../src/identity/mesh-identity.ts'
import { TestCa } from '../kit/certificates.ts'
import { ConnectStage } from '../kit/connect-stage.ts'
import { HOUR, MINUTE } from '../kit/identity-stage.ts'

/** A member of a federation, and the intermediate CA of another datacenter, which it has never seen. */
async function federated() {
  const stage = new ConnectStage()
  const { identity, start } = stage.actor('web')
  await start()
  const elsewhere = stage.agent.ca.intermediate({ wall: stage.wall })
  const { chain } = elsewhere.issue({ service: 'orders', trustDomain: stage.agent.trustDomain })
  return { stage, identity, chain }
}

function judged(identity: MeshIdentity, chain: readonly Uint8Array[]): VerifiedPeer {
  const peer = identity.judge(chain)
  assert.ok(!(peer instanceof MeshError), String(peer))
  return peer
}

test('a peer whose leaf is all that Node shows is believed after the handshake that verified its whole chain', async () => {
  const { stage, identity, chain } = await federated()
  const peer = judged(identity, chain.slice(0, 1))
  assert.equal(identity.objection(peer), undefined)
  stage.agent.rotate()
  await stage.pass(1000)
  assert.equal(identity.roots?.length, 2)
  assert.equal(identity.objection(peer), undefined, 'who was believed by one root is believed by two')
  await stage.close()
})

test('FAULTS 39: when a root is lost a chain is verified again, and a leaf that leads nowhere is refused', async () => {
  const { stage, identity, chain } = await federated()
  const other = TestCa.create({ trustDomain: stage.agent.trustDomain, wall: stage.wall })
  stage.agent.roots = [...stage.agent.roots, other]
  stage.agent.changed('roots')
  await stage.pass(1000)
  const [whole, leaf] = [judged(identity, chain), judged(identity, chain.slice(0, 1))]
  stage.agent.roots = stage.agent.roots.slice(0, 1)
  stage.agent.changed('roots')
  await stage.pass(1000)
  assert.equal(identity.objection(whole), undefined)
  assert.match(identity.objection(leaf)?.message ?? '', /leads to none of the roots/)
  await stage.close()
})

test('a handshake that may have begun by a root that is gone is not taken on its word', async () => {
  const { stage, identity, chain } = await federated()
  const stranger = TestCa.create({ trustDomain: stage.agent.trustDomain, wall: stage.wall })
  stage.agent.roots = [...stage.agent.roots, stranger]
  stage.agent.changed('roots')
  await stage.pass(1000)
  const { chain: gone } = stranger.issue({ service: 'orders', trustDomain: stage.agent.trustDomain })
  assert.equal(identity.objection(judged(identity, gone)), undefined)
  stage.agent.roots = stage.agent.roots.slice(0, 1)
  stage.agent.changed('roots')
  await stage.pass(1000)
  assert.match(identity.objection(judged(identity, gone))?.message ?? '', /leads to none of the roots/)
  assert.equal(identity.objection(judged(identity, chain)), undefined, 'a chain proves itself')
  await stage.pass(2 * MINUTE, 1000)
  assert.equal(identity.objection(judged(identity, chain.slice(0, 1))), undefined)
  await stage.close()
})

test('what is verified is not believed past its end', async () => {
  const { stage, identity, chain } = await federated()
  const peer = judged(identity, chain)
  await stage.pass(25 * HOUR, HOUR)
  assert.match(identity.objection(peer)?.message ?? '', /has expired/)
  await stage.close()
})
