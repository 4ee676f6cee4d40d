import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMeshError } from '../../src/core/errors.ts'
import { readBundle } from '../../src/identity/bundle.ts'
import { certificateLevels } from '../../src/identity/identity-health.ts'
import { TestCa } from '../kit/certificates.ts'

const NOW = Date.UTC(2026, 5, 1)
const ca = TestCa.create({ wall: () => NOW })
const leaf = ca.intermediate().issue({ service: 'orders' })

function trust() {
  const bundle = readBundle(ca.rootPem, 'test.example')
  assert.ok(!isMeshError(bundle))
  return { bundle, denied: new Set<string>() }
}

test('every level that somebody must renew is there with the days it has left, each once', () => {
  const root = trust().bundle.roots[0]!
  const levels = certificateLevels({ chain: [...leaf.chain, root], key: leaf.key }, trust(), NOW)
  assert.deepEqual(
    levels.map(({ level }) => level),
    ['leaf', 'intermediate', 'root'],
  )
  assert.equal(levels[0]?.subject, 'spiffe://test.example/ns/default/dc/dc1/svc/orders')
  assert.equal(levels[0]?.daysLeft, 1)
  assert.deepEqual(certificateLevels(undefined, undefined, NOW), [])
})

test('a certificate in the chain that cannot be read is passed over: health never throws', () => {
  const damaged = new Uint8Array(leaf.chain[1]!)
  damaged[1] = 0
  const levels = certificateLevels({ chain: [...leaf.chain, damaged], key: leaf.key }, trust(), NOW)
  assert.equal(levels.length, 3)
})

test('a certificate is read once, and its days go on', () => {
  const held = { chain: leaf.chain, key: leaf.key }
  const [before] = certificateLevels(held, undefined, NOW)
  const [after] = certificateLevels(held, undefined, NOW + 43_200_000)
  assert.deepEqual([before?.daysLeft, after?.daysLeft], [1, 0.5])
  assert.equal(after?.subject, before?.subject)
  // The same bytes in another place are named as that place names them.
  const [, above] = certificateLevels({ ...held, chain: [leaf.chain[0]!, leaf.chain[0]!] }, undefined, NOW)
  assert.equal(above?.level, 'intermediate')
})
