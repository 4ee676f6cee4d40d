import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { isMeshError } from '../../src/core/errors.ts'
import { outOfTime, readSvid } from '../../src/identity/svid.ts'
import { CLIENT_AUTH, EMAIL_PROTECTION, type IssueOptions, SERVER_AUTH, TestCa } from '../kit/certificates.ts'

const ca = TestCa.create()
const ID = 'spiffe://test.example/ns/default/dc/dc1/svc/orders'
const read = (options: IssueOptions) => readSvid(ca.issue(options).der)

test('a good SVID is read from its DER, as Node reads the same', () => {
  const leaf = ca.issue({ service: 'orders', notBeforeMs: 1_700_000_000_999, notAfterMs: 1_800_000_000_000 })
  const svid = readSvid(leaf.der)
  assert.ok(!isMeshError(svid))
  const seen = new X509Certificate(leaf.der)
  assert.equal(svid.id, ID)
  assert.equal(svid.trustDomain, 'test.example')
  assert.equal(svid.service, 'orders')
  assert.equal(svid.serial, seen.serialNumber)
  assert.equal(svid.notBeforeMs, Date.parse(seen.validFrom))
  assert.equal(svid.notBeforeMs, 1_700_000_000_000)
  assert.equal(svid.notAfterMs, Date.parse(seen.validTo))
  assert.deepEqual(Buffer.from(svid.spki), seen.publicKey.export({ type: 'spki', format: 'der' }))
})

test('what SPIFFE allows beside the one URI name is allowed', () => {
  for (const options of [
    { dns: ['orders.example', 'b'], ips: ['10.0.0.1', '::1'], emails: ['a@b.example'] },
    { extendedKeyUsage: [] },
    { extendedKeyUsage: [SERVER_AUTH, CLIENT_AUTH, EMAIL_PROTECTION] },
    { keyUsage: ['digitalSignature', 'keyEncipherment', 'dataEncipherment', 'keyAgreement'] },
    { subject: 'orders', namesCritical: false },
    { notAfterMs: Date.UTC(2070, 0, 1) },
  ] satisfies IssueOptions[]) {
    const svid = read(options)
    assert.ok(!isMeshError(svid), `${JSON.stringify(options)}: ${String(svid)}`)
  }
})

const broken: readonly (readonly [string, IssueOptions, RegExp])[] = [
  ['two URI names', { uris: [ID, `${ID}2`] }, /has 2 URI names; an SVID has exactly one/],
  ['the same URI name twice', { uris: [ID, ID] }, /has 2 URI names/],
  ['no URI name', { uris: [], dns: ['orders'] }, /no URI name/],
  ['no alternative name', { uris: [], subject: ID }, /no URI name/],
  ['a CA', { isCa: true }, /is a CA certificate/],
  ['keyCertSign', { keyUsage: ['digitalSignature', 'keyCertSign'] }, /keyCertSign/],
  ['cRLSign', { keyUsage: ['digitalSignature', 'cRLSign'] }, /cRLSign/],
  ['no digitalSignature', { keyUsage: ['keyEncipherment'] }, /without digitalSignature/],
  ['no key usage', { keyUsage: [] }, /has no key usage/],
  ['key usage not critical', { keyUsageCritical: false }, /not critical/],
  ['only serverAuth', { extendedKeyUsage: [SERVER_AUTH] }, /without clientAuth/],
  ['only clientAuth', { extendedKeyUsage: [CLIENT_AUTH] }, /without serverAuth/],
  ['SECURITY 17: only emailProtection', { extendedKeyUsage: [EMAIL_PROTECTION] }, /without serverAuth/],
  ['an empty subject, names not critical', { namesCritical: false }, /empty subject/],
  ['a trust domain as leaf', { uris: ['spiffe://test.example'] }, /names a trust domain, not a service/],
  ['a web address', { uris: ['https://test.example/orders'] }, /begins with spiffe:\/\//],
  ['a path that climbs', { uris: [`${ID}/../billing`] }, /"\." or "\.\." segment/],
  ['a percent sign', { uris: ['spiffe://test.example/%61'] }, /its path has something else/],
]
for (const [what, options, reason] of broken)
  test(`FAULTS 41: ${what} is refused with a reason of its own`, () => {
    const error = read(options)
    assert.ok(isMeshError(error))
    assert.equal(error.code, 'TULLE_PEER')
    assert.match(error.message, reason)
  })

test('SECURITY 16: neither DNS nor mail nor common name is ever taken for the URI name', () => {
  const forged = `a.test, URI:${ID}`
  const leaf = ca.issue({
    dns: [forged, ID],
    emails: [ID],
    subject: ID,
    uris: ['spiffe://test.example/evil'],
  })
  // What a pattern over the text would have found first.
  assert.match(new X509Certificate(leaf.der).subjectAltName ?? '', /svc\/orders.*evil/)
  const svid = readSvid(leaf.der)
  assert.ok(!isMeshError(svid))
  assert.equal(svid.id, 'spiffe://test.example/evil')
  assert.equal(svid.service, undefined)
})

test('SECURITY 16: a URI with a NUL or a line break in it is refused', () => {
  for (const uri of [`${ID}\0.evil`, `${ID}\n`, `${ID} `, `${ID}\u00e9`])
    assert.ok(isMeshError(read({ uris: [uri] })))
})

test('FAULTS 40: expired and not yet valid name our clock, the distance, and what to do', () => {
  const svid = read({ notBeforeMs: Date.UTC(2026, 0, 2), notAfterMs: Date.UTC(2026, 0, 3) })
  assert.ok(!isMeshError(svid))
  assert.equal(outOfTime(svid, Date.UTC(2026, 0, 2)), undefined)
  assert.equal(outOfTime(svid, Date.UTC(2026, 0, 3)), undefined)
  const early = outOfTime(svid, Date.UTC(2026, 0, 1, 0, 0, 1))
  assert.match(
    early?.message ?? '',
    /not yet valid: it begins at 2026-01-02T00:00:00Z, and our clock says 2026-01-01T00:00:01Z, 23 h 59 min before/,
  )
  assert.match(early?.hint ?? '', /Compare the clocks/)
  const late = outOfTime(svid, Date.UTC(2026, 0, 3, 0, 0, 2))
  assert.match(late?.message ?? '', /has expired: it ended at 2026-01-03T00:00:00Z, .* 2 s after/)
  assert.match(late?.hint ?? '', /Compare the clocks/)
})

test('hostile bytes are refused and never thrown at', () => {
  const good = ca.issue({ dns: ['a'], ips: ['10.0.0.1'] }).der
  const mutation = fc.record({ at: fc.nat(good.length - 1), byte: fc.nat(255), cut: fc.nat(good.length) })
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 6 }), fc.boolean(), (mutations, shorten) => {
      let bytes = Uint8Array.from(good)
      for (const { at, byte } of mutations) bytes[at % bytes.length] = byte
      if (shorten) bytes = bytes.subarray(0, mutations[0]!.cut)
      const svid = readSvid(bytes)
      // A mutation may hit the signature or the key: then it is another certificate, of whatever SPIFFE ID it names.
      assert.ok(isMeshError(svid) ? svid.code === 'TULLE_PEER' : svid.id.startsWith('spiffe://'))
    }),
    { numRuns: 500 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => isMeshError(readSvid(bytes))),
    { numRuns: 200 },
  )
})

test('bytes behind the certificate, and lengths that lie, are refused', () => {
  const { der } = ca.issue()
  assert.match(String(readSvid(Uint8Array.of(...der, 0))), /not one DER value/)
  assert.match(String(readSvid(der.subarray(0, -1))), /not one DER value/)
  assert.match(String(readSvid(new Uint8Array(70_000))), /larger than/)
})
