import assert from 'node:assert/strict'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { readCertificate } from '../../src/identity/certificate.ts'
import { certificatesOf, pemOf } from '../../src/identity/pem.ts'
import { instantOf, spanOf } from '../../src/identity/time-text.ts'
import { issueCertificate } from '../../src/identity/x509.ts'
import { TestCa } from '../kit/certificates.ts'

const content = (publicKey: ReturnType<typeof generateKeyPairSync>['publicKey']) => ({
  subject: 'a root',
  publicKey,
  notBeforeMs: Date.UTC(2026, 0, 1),
  notAfterMs: Date.UTC(2055, 0, 1),
  isCa: true,
  keyUsage: ['keyCertSign', 'cRLSign'] as const,
})

test('certificates are as OpenSSL reads them, whatever key signs', () => {
  for (const { privateKey, publicKey } of [
    generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ]) {
    const root = issueCertificate({ ...content(publicKey), pathLength: 0 }, { key: privateKey })
    const seen = new X509Certificate(root)
    assert.ok(seen.verify(publicKey))
    assert.ok(seen.checkIssued(seen))
    assert.ok(seen.ca)
    assert.equal(seen.subject, 'CN=a root')
    assert.equal(Date.parse(seen.validTo), Date.UTC(2055, 0, 1), 'beyond 2049 as generalized time')
    assert.match(seen.serialNumber, /^[4-7][0-9A-F]{31}$/)

    const leaf = issueCertificate(
      {
        ...content(publicKey),
        subject: undefined,
        isCa: false,
        keyUsage: ['digitalSignature'],
        serial: Uint8Array.of(0x7f, 1),
        names: { uris: ['spiffe://td/a'], dns: ['b.test'], ips: ['10.0.0.1', '::1'], emails: ['c@d.test'] },
      },
      { key: privateKey, certificate: root },
    )
    const below = new X509Certificate(leaf)
    assert.ok(below.verify(publicKey))
    assert.ok(below.checkIssued(seen))
    assert.equal(below.ca, false)
    assert.equal(below.serialNumber, '7F01')
    assert.equal(below.issuer, 'CN=a root')
    assert.equal(below.subject ?? '', '')
    assert.match(
      below.subjectAltName ?? '',
      /^DNS:b\.test, IP Address:10\.0\.0\.1, IP Address:0:0:0:0:0:0:0:1, email:c@d\.test, URI:spiffe:\/\/td\/a$/,
    )
    const facts = readCertificate(leaf)
    assert.ok(typeof facts !== 'string')
    assert.equal(facts.sanCritical, true, 'because the subject is empty')
    assert.equal(facts.serial, below.serialNumber)
  }
})

test('a key of a kind that peers may not know signs nothing', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  assert.throws(
    () => issueCertificate(content(publicKey), { key: privateKey }),
    /must be P-256, P-384 or RSA/,
  )
})

test('serials are never the same twice', () => {
  const ca = TestCa.create()
  const serials = Array.from({ length: 20 }, () => new X509Certificate(ca.issue().der).serialNumber)
  assert.equal(new Set(serials).size, 20)
})

test('one extension twice is read by nobody', () => {
  const { der } = TestCa.create().issue({ dns: ['aa.test'] })
  // The key identifiers' extension (2.5.29.14) becomes a second one of alternative names (2.5.29.17).
  const at = Buffer.from(der).indexOf(Buffer.from('0603551d0e', 'hex'))
  const twice = Uint8Array.from(der)
  twice[at + 4] = 0x11
  assert.equal(readCertificate(twice), 'it has one extension twice')
})

test('PEM is read block by block, whatever stands between', () => {
  const [one, two] = [TestCa.create().rootPem, TestCa.create().rootPem]
  const both = certificatesOf(`Subject: x\r\n${one.replaceAll('\n', '\r\n')}\n# more\n${two}`)
  assert.deepEqual(
    both.map((der) => pemOf('CERTIFICATE', der)),
    [one, two],
  )
  assert.equal(pemOf('CERTIFICATE', certificatesOf(one)[0]!), one)
  assert.deepEqual(certificatesOf(one.slice(0, -20)), [], 'half a block is none')
  assert.deepEqual(certificatesOf(one.replaceAll('CERTIFICATE', 'PRIVATE KEY')), [])
})

test('times read well in messages', () => {
  assert.equal(instantOf(0), '1970-01-01T00:00:00Z')
  assert.equal(instantOf(Date.UTC(2026, 0, 2, 3, 4, 5, 678)), '2026-01-02T03:04:05Z')
  assert.equal(instantOf(Number.NaN), 'an impossible time')
  assert.equal(spanOf(400), '1 s')
  assert.equal(spanOf(90_000), '1 min 30 s')
  assert.equal(spanOf(86_400_000), '1 d')
  assert.equal(spanOf(90_061_000), '1 d 1 h')
})
