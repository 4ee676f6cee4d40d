import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMeshError } from '../../src/core/errors.ts'
import { tlsMaterial } from '../../src/identity/tls-material.ts'
import { TestCa } from '../kit/certificates.ts'

const ca = TestCa.create()
const now = Date.now()

test('a certificate, its key and roots make a context, and say who we are and until when', () => {
  const material = tlsMaterial(ca.intermediate().issue({ notAfterMs: now + 60_000 }), [ca.root], now)
  assert.ok(!isMeshError(material))
  assert.equal(material.svid.service, 'orders')
  assert.equal(material.svid.notAfterMs, Math.floor((now + 60_000) / 1000) * 1000)
  assert.equal(material.rooted, true)
})

test('that our own root is not among those we believe is said, and no error', () => {
  const material = tlsMaterial(ca.issue(), [TestCa.create().root], now)
  assert.ok(!isMeshError(material))
  assert.equal(material.rooted, false)
})

test('an expired certificate still makes a context: whether to use it is not decided here', () => {
  assert.ok(!isMeshError(tlsMaterial(ca.issue({ notAfterMs: now - 1000 }), [ca.root], now)))
})

test('what does not belong together is refused, with the reason', () => {
  const leaf = ca.issue()
  const other = ca.issue()
  const middle = ca.intermediate().issue()
  for (const [own, roots, reason] of [
    [{ chain: [], key: leaf.key }, [ca.root], /there is none/],
    [leaf, [], /no root certificate/],
    [{ chain: leaf.chain, key: other.key }, [ca.root], /private key does not belong/],
    [
      { chain: [...middle.chain].reverse(), key: middle.key },
      [ca.root],
      /it is no SVID.*is a CA|it is no SVID/,
    ],
    [{ chain: [leaf.der, other.der], key: leaf.key }, [ca.root], /the leaf comes first/],
    [ca.issue({ uris: [] }), [ca.root], /it is no SVID\. .*no URI name/],
    [{ chain: [Uint8Array.of(1)], key: leaf.key }, [ca.root], /cannot be read/],
    [leaf, [Uint8Array.of(1)], /cannot be read/],
  ] as const) {
    const error = tlsMaterial(own, roots, now)
    assert.ok(isMeshError(error), String(reason))
    assert.equal(error.code, 'TULLE_IDENTITY')
    assert.match(error.message, reason)
  }
})
