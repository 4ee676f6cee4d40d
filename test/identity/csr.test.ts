import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { isMeshError } from '../../src/core/errors.ts'
import { makeCsr, readCsr } from '../../src/identity/csr.ts'
import { keyPem, makeKey, readKey } from '../../src/identity/keys.ts'
import { dersOf, pemOf } from '../../src/identity/pem.ts'
import { TestCa } from '../kit/certificates.ts'

const ID = 'spiffe://test.example/ns/default/dc/dc1/svc/orders'
const LABEL = 'CERTIFICATE REQUEST'
const derOf = (pem: string) => dersOf(pem, [LABEL])[0]!

test('a request carries the ID and the key, and can be granted', async () => {
  const pair = await makeKey()
  const csr = readCsr(makeCsr(ID, pair))
  assert.ok(!isMeshError(csr))
  assert.equal(csr.id, ID)
  assert.ok(csr.publicKey.equals(pair.publicKey))
  const leaf = TestCa.create().issue({ publicKey: csr.publicKey, key: pair.privateKey })
  assert.ok(leaf.der.length > 0)
})

test('a key outlives its PEM', async () => {
  const pair = await makeKey()
  const again = readKey(keyPem(pair))
  assert.ok(again.privateKey.equals(pair.privateKey))
  assert.ok(again.publicKey.equals(pair.publicKey))
})

test('a request that proves nothing, or asks for something else, is refused with a reason', async () => {
  const pair = await makeKey()
  const stranger = await makeKey()
  const make = (kind: 'P-384' | 'rsa') =>
    kind === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: kind })
  const good = makeCsr(ID, pair)
  for (const [what, pem, reason] of [
    ['nothing', '', /not one PEM block/],
    ['two', good + good, /not one PEM block/],
    ['a certificate', TestCa.create().rootPem, /not one PEM block/],
    ['other bytes', pemOf(LABEL, Uint8Array.of(0x30, 0)), /cannot be read/],
    ['bytes behind', pemOf(LABEL, Uint8Array.of(...derOf(good), 0)), /not one DER value/],
    [
      "another's key",
      makeCsr(ID, { privateKey: stranger.privateKey, publicKey: pair.publicKey }),
      /does not prove/,
    ],
    ['P-384', makeCsr(ID, make('P-384')), /not on the curve P-256/],
    ['RSA', makeCsr(ID, make('rsa')), /not on the curve P-256/],
    ['a bad ID', makeCsr(`${ID}/..`, pair), /"\.\." segment/],
    ['a trust domain', makeCsr('spiffe://test.example', pair), /a trust domain and not a service/],
  ] as const) {
    const error = readCsr(pem)
    assert.ok(isMeshError(error), what)
    assert.equal(error.code, 'TULLE_PLANE_REFUSED')
    assert.match(error.message, reason, what)
  }
})

test('hostile bytes are refused and never thrown at; no changed bit goes unnoticed', async () => {
  const der = derOf(makeCsr(ID, await makeKey()))
  fc.assert(
    fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const bytes = Uint8Array.from(der)
      bytes[at] = bytes[at]! ^ change
      const csr = readCsr(pemOf(LABEL, bytes))
      assert.ok(isMeshError(csr), `byte ${at} ^ ${change}`)
    }),
    { numRuns: 500 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => isMeshError(readCsr(pemOf(LABEL, bytes)))),
  )
})
