import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMeshError } from '../../src/core/errors.ts'
import { judge } from '../../src/identity/judge.ts'
import { knownSvid } from '../../src/identity/known-svids.ts'
import { readSvid } from '../../src/identity/svid.ts'
import { TestCa } from '../kit/certificates.ts'

const NOW = Date.UTC(2026, 5, 1)
const ca = TestCa.create({ wall: () => NOW })
const leaf = (service?: string): Uint8Array => ca.issue(service === undefined ? {} : { service }).chain[0]!

test('a leaf is read once, however often and in whatever buffer it is shown', () => {
  const der = leaf()
  const first = knownSvid(der)
  assert.deepEqual(first, readSvid(der))
  const elsewhere = new Uint8Array(der.length + 7)
  elsewhere.set(der, 3)
  assert.equal(knownSvid(elsewhere.subarray(3, 3 + der.length)), first)
})

test('another leaf is another one, by a single bit as well', () => {
  const der = leaf()
  const first = knownSvid(der)
  assert.notEqual(knownSvid(leaf('billing')), first)
  const damaged = Uint8Array.from(der)
  damaged[damaged.length - 1]! ^= 1
  assert.notEqual(knownSvid(damaged), first)
})

test('what is no SVID is refused each time, with its reason', () => {
  const der = ca.issue({ isCa: true }).chain[0]!
  for (let i = 0; i < 2; i++) {
    const refusal = knownSvid(der)
    assert.ok(isMeshError(refusal))
    assert.match(refusal.message, /is a CA certificate/)
  }
})

test('a leaf that is known ends, is banned and is another service as any other', () => {
  const chain = [leaf()]
  const rules = { trustDomain: 'test.example', denied: new Set<string>(), wallMs: NOW }
  const peer = judge(chain, rules)
  assert.ok(!isMeshError(peer))
  for (const more of [
    { wallMs: peer.notAfterMs + 1 },
    { denied: new Set([peer.id]) },
    { trustDomain: 'prod.example' },
    { expected: `${peer.id}-2` },
  ])
    assert.ok(isMeshError(judge(chain, { ...rules, ...more })), JSON.stringify(more))
})
