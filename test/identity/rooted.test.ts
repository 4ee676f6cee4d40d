import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { stillRooted } from '../../src/identity/rooted.ts'
import { TestCa } from '../kit/certificates.ts'

const ca = TestCa.create()
const other = TestCa.create()
const now = Date.now()
const DAY = 86_400_000

test('a leaf is rooted where its CA, or the CA of its CA, is among the roots', () => {
  const middle = ca.intermediate()
  const lower = middle.intermediate()
  for (const chain of [ca.issue().chain, middle.issue().chain, lower.issue().chain]) {
    assert.ok(stillRooted(chain, [other.root, ca.root], now))
    assert.ok(stillRooted(chain, [new X509Certificate(ca.root)], now))
    assert.ok(!stillRooted(chain, [other.root], now))
    assert.ok(!stillRooted(chain, [], now))
  }
  const [leaf, ...above] = lower.issue().chain
  assert.ok(stillRooted([leaf!, ...above.reverse()], [ca.root], now), 'in any order')
  assert.ok(!stillRooted([leaf!], [ca.root], now), 'but not with one missing')
  assert.ok(stillRooted([leaf!], [lower.certificate], now), 'each certificate of a bundle is an anchor')
})

test('FAULTS 39: a removed root is not brought back by what a peer sends along', () => {
  const old = TestCa.create()
  const fresh = TestCa.create()
  const chain = old.issue({}, [
    old.root,
    fresh.root,
    fresh.issue({}).der,
    fresh.intermediate().certificate,
  ]).chain
  assert.ok(stillRooted(chain, [old.root, fresh.root], now))
  assert.ok(!stillRooted(chain, [fresh.root], now))
})

test('a CA of the same name and another key is not the CA', () => {
  const real = TestCa.create({ subject: 'the root' })
  const forger = TestCa.create({ subject: 'the root' })
  assert.ok(!stillRooted(forger.issue().chain, [real.root], now))
  assert.ok(!stillRooted(forger.issue({}, [real.root]).chain, [real.root], now))
})

test('a leaf cannot be a CA of another leaf', () => {
  const thief = ca.issue({ service: 'thief', keyUsage: ['digitalSignature', 'keyCertSign'] })
  const forged = TestCa.misused(thief).issue({ service: 'admin' })
  assert.equal(forged.chain.length, 2)
  assert.ok(!stillRooted(forged.chain, [ca.root], now))
})

test('through a cross-signature a leaf of the new root is believed by who knows only the old one', () => {
  const old = TestCa.create()
  const fresh = TestCa.create()
  const chain = fresh.issue({}, [fresh.crossSignedBy(old)]).chain
  assert.ok(stillRooted(chain, [old.root], now))
  assert.ok(stillRooted(chain, [fresh.root], now))
  assert.ok(stillRooted(chain, [old.root, fresh.root], now))
  assert.ok(!stillRooted(chain, [other.root], now))
})

test('two CAs that signed each other are walked once', () => {
  const a = TestCa.create()
  const b = TestCa.create()
  const chain = a.issue({}, [a.crossSignedBy(b), b.crossSignedBy(a), a.root, b.root]).chain
  assert.ok(!stillRooted(chain, [other.root], now))
  assert.ok(stillRooted(chain, [b.root], now))
})

test('an expired root, or intermediate, carries nothing', () => {
  const short = ca.intermediate({ lifetimeMs: DAY })
  const chain = short.issue({ lifetimeMs: 30 * DAY }).chain
  assert.ok(stillRooted(chain, [ca.root], now))
  assert.ok(!stillRooted(chain, [ca.root], now + 2 * DAY))
  const root = TestCa.create({ lifetimeMs: DAY })
  assert.ok(!stillRooted(root.issue().chain, [root.root], now + 2 * DAY))
})

test('what cannot be read is rooted nowhere', () => {
  const [leaf] = ca.issue().chain
  assert.ok(!stillRooted([], [ca.root], now))
  assert.ok(!stillRooted([Uint8Array.of(1, 2, 3)], [ca.root], now))
  assert.ok(!stillRooted([leaf!, Uint8Array.of(1)], [ca.root], now))
})

test('a leaf that came alone is rooted by intermediates that are known, and only by its own', () => {
  const middle = ca.intermediate()
  const [leaf, link] = middle.issue().chain
  assert.ok(!stillRooted([leaf!], [ca.root], now))
  assert.ok(stillRooted([leaf!, other.root, link!], [ca.root], now))
  assert.ok(!stillRooted([other.issue().der, link!], [ca.root], now))
})

test('a flood of certificates is not looked at beyond the twentieth', () => {
  const middle = ca.intermediate()
  const [leaf, link] = middle.issue().chain
  const flood = Array.from({ length: 19 }, () => other.root)
  assert.ok(!stillRooted([leaf!, ...flood, link!], [ca.root], now))
})
