import assert from 'node:assert/strict'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { isMeshError } from '../../src/core/errors.ts'
import { readBundle } from '../../src/identity/bundle.ts'
import { judgeOwn } from '../../src/identity/own.ts'
import type { Trust } from '../../src/identity/source.ts'
import { readSvid } from '../../src/identity/svid.ts'
import { TestCa, wrongKinds } from '../kit/certificates.ts'

const NOW = Date.UTC(2026, 5, 1)
const ca = TestCa.create({ wall: () => NOW })
const leaf = ca.intermediate().issue({ service: 'orders' })

function trusting(pem: string, trustDomain = 'test.example'): Trust {
  const bundle = readBundle(pem, trustDomain)
  assert.ok(!isMeshError(bundle))
  return { bundle, denied: new Set() }
}

const rules = { trust: trusting(ca.rootPem), service: 'orders', wallMs: NOW }

function why(credentials: Parameters<typeof judgeOwn>[0], more: object = {}): string {
  const error = judgeOwn(credentials, { ...rules, ...more })
  assert.ok(isMeshError(error))
  assert.equal(error.code, 'TULLE_IDENTITY')
  return error.message
}

test('a certificate for our key, service and trust domain, with a chain that leads to the bundle, is taken', () => {
  const svid = judgeOwn(leaf, rules)
  assert.ok(!isMeshError(svid))
  assert.equal(svid.service, 'orders')
})

test('what must not become ours is refused, with what is wrong', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const another = TestCa.create({ wall: () => NOW })
  assert.match(why({ chain: [], key: leaf.key }), /there is no certificate/)
  assert.match(why({ chain: leaf.chain, key: privateKey }), /the key is not that of spiffe:/)
  assert.match(why(leaf, { service: 'billing' }), /and this is the service "billing"/)
  assert.match(why(leaf, { trust: trusting(another.rootPem) }), /leads to none of the 1 roots/)
  assert.match(why({ chain: [leaf.der], key: leaf.key }), /leads to none/)
  assert.match(why(leaf, { wallMs: NOW + 8 * 86_400_000 }), /has expired/)
  assert.match(why(leaf, { wallMs: NOW - 86_400_000 }), /not yet valid/)
  for (const { kind, options } of wrongKinds('test.example', NOW)) {
    if (kind === 'self-signed') continue
    const error = judgeOwn(ca.issue(options), { ...rules, service: 'orders' })
    assert.ok(isMeshError(error), kind)
  }
})

test('a byte that is damaged is a reason to refuse, never an exception: a file with it would end the process', () => {
  let beyondUs = 0
  for (let at = 0; at < leaf.der.length; at++) {
    for (const flip of [0x01, 0x40, 0xff]) {
      const der = new Uint8Array(leaf.der)
      der[at] = der[at]! ^ flip
      const chain = [der, ...leaf.chain.slice(1)]
      assert.ok(isMeshError(judgeOwn({ chain, key: leaf.key }, rules)), `byte ${at}`)
      if (!isMeshError(readSvid(der)) && !readable(der)) beyondUs++
    }
  }
  assert.ok(beyondUs > 0, 'some damage is found by OpenSSL alone')
})

function readable(der: Uint8Array): boolean {
  try {
    return new X509Certificate(der).raw.length > 0
  } catch {
    return false
  }
}
