import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { test } from 'node:test'
import { sha256Of } from '../../../src/identity/bundle.ts'
import { keyPem } from '../../../src/identity/keys.ts'
import { pemOf } from '../../../src/identity/pem.ts'
import { type CertificateContent, issueCertificate } from '../../../src/identity/x509.ts'
import { Authority } from '../../../src/plane/authority/authority.ts'
import type { BroughtCa } from '../../../src/plane/authority/brought.ts'
import { Refusal } from '../../../src/plane/refusal.ts'
import { ScriptedStore } from '../scripted-store.ts'
import { handshake, partyOf } from './handshake.ts'

const DAY = 86_400_000
const OK = { ofServer: 'ok', ofClient: 'ok' }
const trustDomain = 'test.example'

interface MadeCa {
  readonly key: KeyObject
  /** DER, this one first. */
  readonly chain: readonly Uint8Array[]
}

let made = 0
const p256 = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })

function makeCa(
  above?: MadeCa,
  over: Partial<CertificateContent> = {},
  pair: { publicKey: KeyObject; privateKey: KeyObject } = p256(),
): MadeCa {
  const der = issueCertificate(
    {
      subject: `company CA ${++made}`,
      publicKey: pair.publicKey,
      notBeforeMs: Date.now() - DAY,
      notAfterMs: Date.now() + 365 * DAY,
      isCa: true,
      keyUsage: ['keyCertSign', 'cRLSign'],
      ...over,
    },
    above === undefined ? { key: pair.privateKey } : { key: above.key, certificate: above.chain[0] },
  )
  return { key: pair.privateKey, chain: [der, ...(above?.chain ?? [])] }
}

const bring = ({ key, chain }: MadeCa): BroughtCa => ({
  caCert: chain.map((der) => pemOf('CERTIFICATE', der)).join(''),
  caKey: keyPem({ privateKey: key }),
})

const open = (brought?: BroughtCa, store = new ScriptedStore()): Promise<Authority> =>
  Authority.open({ store, wall: () => Date.now(), trustDomain, brought })

for (const [name, pair] of [
  ['P-256', p256()],
  ['P-384', generateKeyPairSync('ec', { namedCurve: 'P-384' })],
  ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 })],
] as const)
  test(`a root of ${name} that was brought along signs what OpenSSL believes, and its key is not kept`, async () => {
    const store = new ScriptedStore()
    const authority = await open(bring(makeCa(undefined, {}, pair)), store)
    for (const version of ['TLSv1.3', 'TLSv1.2'] as const)
      assert.deepEqual(await handshake(await partyOf(authority), await partyOf(authority), version), OK)
    assert.doesNotMatch(store.text, /PRIVATE KEY/)
    assert.equal(authority.status().source, 'brought')
    await assert.rejects(authority.rotate(), Refusal)
  })

test('an intermediate is delivered with its chain, and peers need only the root', async () => {
  const root = makeCa()
  const authority = await open(bring(makeCa(makeCa(root))))
  assert.deepEqual(authority.roots.map(sha256Of), root.chain.map(sha256Of))
  const { chain } = authority.issue('orders', p256().publicKey)
  assert.equal(chain.length, 4)
  assert.deepEqual(await handshake(await partyOf(authority), await partyOf(authority)), OK)
})

test('no leaf outlives the shortest certificate of the chain', async () => {
  const soon = Date.now() + 3_600_000
  const authority = await open(bring(makeCa(makeCa(undefined, { notAfterMs: soon }))))
  const { notAfterMs } = authority.issue('orders', p256().publicKey)
  assert.ok(notAfterMs <= soon && notAfterMs > soon - 2000)
})

test('a CA that cannot be used is refused at the start, each with its own reason', async () => {
  const root = makeCa()
  const other = makeCa()
  const pathless = makeCa(undefined, { pathLength: 0 })
  const cases: [string, BroughtCa, RegExp][] = [
    ['no PEM', { ...bring(root), caCert: 'x' }, /no certificate in PEM/],
    [
      'not a certificate',
      { ...bring(root), caCert: pemOf('CERTIFICATE', new Uint8Array(9)) },
      /cannot be read/,
    ],
    ['another key', { ...bring(root), caKey: bring(other).caKey }, /not the key of the first certificate/],
    ['no key', { ...bring(root), caKey: 'x' }, /no private key in PEM/],
    ['a leaf', bring(makeCa(root, { isCa: false })), /certificate 1 .*not a CA certificate/],
    ['no keyCertSign', bring(makeCa(root, { keyUsage: ['digitalSignature'] })), /without keyCertSign/],
    ['expired', bring(makeCa(undefined, { notAfterMs: Date.now() - 1000 })), /expired at/],
    ['not yet', bring(makeCa(undefined, { notBeforeMs: Date.now() + DAY })), /valid only from/],
    [
      'expired above',
      bring(makeCa(makeCa(undefined, { notAfterMs: Date.now() - 1000 }))),
      /certificate 2 .*expired/,
    ],
    ['path length', bring(makeCa(pathless)), /certificate 2 .*allows 0 CA certificates below it .*has 1/],
    ['no root', bring({ ...makeCa(root), chain: makeCa(root).chain.slice(0, 1) }), /not a root: append/],
    [
      'wrong order',
      { ...bring(root), caCert: bring(other).caCert + bring(root).caCert },
      /not signed by the next/,
    ],
    [
      'another trust domain',
      bring(makeCa(undefined, { names: { uris: ['spiffe://evil.example'] } })),
      /evil\.example/,
    ],
    [
      'a service as CA',
      bring(makeCa(undefined, { names: { uris: [`spiffe://${trustDomain}/x`] } })),
      /a service/,
    ],
    [
      'weak RSA',
      bring(makeCa(undefined, {}, generateKeyPairSync('rsa', { modulusLength: 1024 }))),
      /RSA of 1024 bits/,
    ],
    ['too long', bring(makeCa(makeCa(makeCa(makeCa(root))))), /5 certificates/],
  ]
  for (const [name, brought, words] of cases)
    await assert.rejects(
      open(brought),
      (error: { code?: string; message: string }) => {
        assert.equal(error.code, 'TULLE_CONFIG', name)
        assert.match(error.message, words, name)
        return true
      },
      name,
    )
})

test('SECURITY incidents 17 and 18: a CA that OpenSSL would refuse in every handshake is refused at the start', async () => {
  const permitted = (host: string) => makeCa(makeCa(undefined, { permitted: { uris: [host] } }))
  const forMail = makeCa(makeCa(undefined, { extendedKeyUsage: ['1.3.6.1.5.5.7.3.4'] }))
  await assert.rejects(open(bring(forMail)), { code: 'TULLE_CONFIG', message: /OpenSSL does not accept/ })
  await assert.rejects(open(bring(permitted('other.example'))), {
    code: 'TULLE_CONFIG',
    message: /OpenSSL does not accept/,
  })
  const authority = await open(bring(permitted(trustDomain)))
  assert.deepEqual(await handshake(await partyOf(authority), await partyOf(authority)), OK)
})

test('a path length of 0 on the certificate that signs leaves is fine', async () => {
  const authority = await open(bring(makeCa(makeCa(), { pathLength: 0 })))
  assert.deepEqual(await handshake(await partyOf(authority), await partyOf(authority)), OK)
})

test('an intermediate is replaced under its root without anybody having to learn anything', async () => {
  const store = new ScriptedStore()
  const root = makeCa()
  const first = await open(bring(makeCa(root)), store)
  const before = await partyOf(first)
  const second = await open(bring(makeCa(root)), store)
  assert.equal(second.bundle, first.bundle)
  assert.deepEqual(await handshake(await partyOf(second), before), OK)
})

test('FAULTS 38: from a root of its own a plane moves to one that is brought along, both ways believed', async () => {
  const store = new ScriptedStore()
  const before = await partyOf(await open(undefined, store))
  const company = bring(makeCa(makeCa()))
  const authority = await open(company, store)
  const after = await partyOf(authority)
  for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
    assert.deepEqual(await handshake(after, before, version), OK)
    assert.deepEqual(await handshake(before, after, version), OK)
  }
  assert.doesNotMatch(store.text, /PRIVATE KEY/)
  // A restart with the same goes on; another root before this is done does not.
  assert.equal((await open(company, store)).status().sequence, 2)
  await assert.rejects(open(bring(makeCa()), store), { code: 'TULLE_CONFIG', message: /not yet retired/ })
  await authority.retire({ force: true })
  assert.equal((await open(company, store)).roots.length, 1)
})

test('from one root that was brought along to the next both are in the bundle', async () => {
  const store = new ScriptedStore()
  const first = await open(bring(makeCa()), store)
  const second = await open(bring(makeCa()), store)
  assert.deepEqual(second.roots.map(sha256Of), [second.rootSha256, first.rootSha256])
  const before = await partyOf(first)
  // Without the old key nothing can be cross-signed: a peer must have learned the new bundle first.
  assert.deepEqual(await handshake(await partyOf(second), { ...before, roots: second.roots }), OK)
})

test('a plane whose CA was brought along does not make its own where it is forgotten', async () => {
  const store = new ScriptedStore()
  await open(bring(makeCa()), store)
  await assert.rejects(open(undefined, store), { code: 'TULLE_CONFIG', message: /brought along/ })
})
