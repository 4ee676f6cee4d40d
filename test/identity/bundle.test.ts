import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isMeshError } from '../../src/core/errors.ts'
import { readBundle, rootsPem, sha256Of, type TrustBundle, writeBundle } from '../../src/identity/bundle.ts'
import { certificatesOf } from '../../src/identity/pem.ts'
import { type CaOptions, TestCa } from '../kit/certificates.ts'

const one = TestCa.create()
const two = TestCa.create()
const read = (text: string) => readBundle(text, 'test.example')
function good(text: string): TrustBundle {
  const bundle = read(text)
  assert.ok(!isMeshError(bundle), String(bundle))
  return bundle
}
function refused(text: string, reason: RegExp): void {
  const bundle = read(text)
  assert.ok(isMeshError(bundle), text.slice(0, 100))
  assert.equal(bundle.code, 'TULLE_IDENTITY')
  assert.match(bundle.message, reason)
}
const jwk = (over: object = {}) => ({
  ...(JSON.parse(writeBundle([one.root], 1)) as { keys: object[] }).keys[0],
  ...over,
})
const jwks = (...keys: object[]) => JSON.stringify({ keys })

test('what is written as a SPIFFE bundle is read again, and so are its roots as PEM', () => {
  const text = writeBundle([one.root, two.root], 7)
  const bundle = good(text)
  assert.deepEqual(bundle.roots, [one.root, two.root])
  assert.equal(bundle.sequence, 7)
  assert.equal(bundle.trustDomain, 'test.example')
  const pem = rootsPem(bundle)
  assert.deepEqual(pem.flatMap(certificatesOf), bundle.roots)
  const same = good(`Some words first\n${pem.join('\nand between\n')}`)
  assert.deepEqual(same.roots, bundle.roots)
  assert.equal(same.sequence, undefined)
  const [key] = (JSON.parse(text) as { keys: Record<string, unknown>[] }).keys
  assert.equal(key?.use, 'x509-svid')
  assert.equal(key?.kty, 'EC')
  assert.equal(key?.crv, 'P-256')
})

test('a root twice is one root', () => {
  assert.equal(good(one.rootPem + one.rootPem).roots.length, 1)
  assert.equal(good(jwks(jwk(), jwk())).roots.length, 1)
})

test('keys of another use or kind, or without a certificate, are passed over', () => {
  const others = [
    { kty: 'EC', use: 'jwt-svid', kid: 'a' },
    jwk({ use: 'sig' }),
    jwk({ kty: 'XYZ' }),
    jwk({ x5c: [] }),
  ]
  assert.equal(good(jwks(...others, jwk({ unknown: true }))).roots.length, 1)
  refused(jwks(...others), /no root certificate that can be used/)
})

test('only the first certificate of x5c is the authority', () => {
  const base64 = (der: Uint8Array) => Buffer.from(der).toString('base64')
  assert.deepEqual(good(jwks(jwk({ x5c: [base64(one.root), base64(two.root)] }))).roots, [one.root])
})

test('FAULTS 47: an empty bundle is an error, not a bundle that believes nobody or everybody', () => {
  refused('', /no root certificate/)
  refused('{"keys":[]}', /no root certificate/)
  refused('-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n', /cannot be read/)
})

test('FAULTS 47: a document with a key twice is refused, whichever of both would have counted', () => {
  const text = writeBundle([one.root], 3)
  refused(text.replace('{"keys":', '{"keys":[],"keys":'), /has the key "keys" twice/)
  refused(text.replace('"use":', '"use":"jwt-svid","use":'), /has the key "use" twice/)
})

test('what is neither PEM nor a JWK set is refused with a reason', () => {
  refused('{"keys":', /neither PEM nor JSON/)
  refused('{"keys":{}}', /no JWK set/)
  refused('{}', /no JWK set/)
  refused('{"keys":[],"spiffe_sequence":-1}', /no JWK set: spiffe_sequence/)
  refused(`{"keys":[]}${' '.repeat(1024 * 1024)}`, /larger than/)
  refused('just words', /no root certificate/)
  refused(jwks(jwk({ x5c: ['AAAA'] })), /cannot be read/)
})

test('SPIFFE rule 7: a root is a CA that may sign certificates, and no service', () => {
  const made = (options: CaOptions) => TestCa.create(options).rootPem
  refused(one.issue().certPem, /is no CA certificate/)
  refused(made({ keyUsage: ['cRLSign'] }), /no keyCertSign/)
  refused(made({ isCa: false }), /is no CA certificate/)
  refused(made({ uri: 'spiffe://test.example/orders' }), /names .*a service and not a trust domain/)
  refused(made({ trustDomain: 'evil.example' }), /of the trust domain evil\.example, not of test\.example/)
  refused(made({ uri: 'https://test.example' }), /begins with spiffe/)
  assert.equal(good(made({ uri: null })).roots.length, 1, 'a root need not have an ID')
  refused(`${one.rootPem}${made({ isCa: false })}`, /is no CA certificate/)
})

test('a root is named by the SHA-256 of its DER', () => {
  assert.match(sha256Of(one.root), /^[0-9a-f]{64}$/)
  assert.notEqual(sha256Of(one.root), sha256Of(two.root))
})

test('any text is a bundle or is refused, never thrown at', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => isMeshError(read(text))))
  fc.assert(
    fc.property(fc.jsonValue(), (key) => isMeshError(read(JSON.stringify({ keys: [key] })))),
    { numRuns: 50 },
  )
})
