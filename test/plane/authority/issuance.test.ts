import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { test } from 'node:test'
import { Attributes, CertificationRequest, CertificationRequestInfo } from '@peculiar/asn1-csr'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import {
  Attribute,
  BasicConstraints,
  Extension,
  Extensions,
  id_ce_basicConstraints,
  SubjectPublicKeyInfo,
} from '@peculiar/asn1-x509'
import { isMeshError } from '../../../src/core/errors.ts'
import { svidWire } from '../../../src/core/plane-wire.ts'
import { makeCsr } from '../../../src/identity/csr.ts'
import { alternativeNames } from '../../../src/identity/extensions.ts'
import { type KeyPair, makeKey } from '../../../src/identity/keys.ts'
import { certificatesOf, dersOf, pemOf } from '../../../src/identity/pem.ts'
import { readSvid } from '../../../src/identity/svid.ts'
import { signatureOf } from '../../../src/identity/x509.ts'
import { Bans } from '../../../src/plane/access/bans.ts'
import type { Caller } from '../../../src/plane/access/caller.ts'
import { JoinTokens } from '../../../src/plane/access/join-tokens.ts'
import { Authority } from '../../../src/plane/authority/authority.ts'
import { Issuance, type IssuanceOptions } from '../../../src/plane/authority/issuance.ts'
import { Trust } from '../../../src/plane/authority/trust.ts'
import { Refusal } from '../../../src/plane/refusal.ts'
import { ManualClock } from '../../../src/testing/manual-clock.ts'
import { ScriptedStore } from '../scripted-store.ts'

const trustDomain = 'test.example'
const where = { urls: ['https://127.0.0.1:7400'], rootSha256: 'ab'.repeat(32) }

async function setting(options: Partial<IssuanceOptions> = {}, dev = false) {
  const store = new ScriptedStore()
  const clock = new ManualClock()
  const wall = (): number => Date.now()
  const authority = await Authority.open({ store, wall, trustDomain })
  const tokens = await JoinTokens.open({ store, wall, trustDomain, dev })
  const bans = await Bans.open({ store, wall })
  const trust = new Trust({ authority, bans })
  const issuance = new Issuance({ authority, trust, tokens, bans, clock, ...options })
  const keys = await makeKey()
  const join = (service: string, uses?: number): Caller => {
    const { id: tokenId } = tokens.mint(service, where, { uses })
    return { kind: 'join', tokenId, service }
  }
  const member = (service: string): Caller => ({ kind: 'service', service, id: authority.idOf(service) })
  const csr = (service: string): string => makeCsr(authority.idOf(service), keys)
  return { store, clock, authority, tokens, bans, trust, issuance, keys, join, member, csr }
}

const refused =
  (kind: string, words: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof Refusal, String(error))
    assert.match(error.message, words)
    assert.equal(error.kind, kind)
    return true
  }

/** A request with whatever in it, signed by `signer`. */
function craft(extensions: readonly Extension[], keys: KeyPair, signer: KeyPair = keys): string {
  const info = new CertificationRequestInfo({
    subjectPKInfo: AsnConvert.parse(
      keys.publicKey.export({ type: 'spki', format: 'der' }),
      SubjectPublicKeyInfo,
    ),
    attributes: new Attributes([
      new Attribute({
        type: '1.2.840.113549.1.9.14',
        values: [AsnConvert.serialize(new Extensions([...extensions]))],
      }),
    ]),
  })
  const { algorithm, hash } = signatureOf(signer.privateKey)
  const signature = sign(hash, Buffer.from(AsnConvert.serialize(info)), {
    key: signer.privateKey,
    dsaEncoding: 'der',
  })
  const request = new CertificationRequest({
    certificationRequestInfo: info,
    signatureAlgorithm: algorithm,
    signature: Uint8Array.from(signature).buffer,
  })
  return pemOf('CERTIFICATE REQUEST', new Uint8Array(AsnConvert.serialize(request)))
}

test('a join token gets the first certificate, and that one gets the next', async () => {
  const issued: string[] = []
  const { issuance, join, member, csr, trust } = await setting({
    onIssued: ({ id, ...rest }, caller) => {
      assert.ok(!('chain' in rest))
      issued.push(`${caller.kind} ${id}`)
    },
  })
  for (const caller of [join('orders'), member('orders')]) {
    const answer = await issuance.svid(caller, { csr: csr('orders'), service: 'orders' })
    assert.ok(svidWire.safeParse(answer).success)
    assert.deepEqual(answer.trust, trust.document)
    const svid = readSvid(certificatesOf(answer.chain[0]!)[0]!)
    assert.ok(!isMeshError(svid) && svid.service === 'orders')
  }
  const id = `spiffe://${trustDomain}/ns/default/dc/dc1/svc/orders`
  assert.deepEqual(issued, [`join ${id}`, `service ${id}`])
})

test("nobody gets another service's certificate, the plane's, or one without proof", async () => {
  const { issuance, join, member, csr } = await setting({}, true)
  const ask = (caller: Caller, service: string, request = csr(service)) =>
    issuance.svid(caller, { csr: request, service })
  await assert.rejects(
    ask(join('orders'), 'billing'),
    refused('forbidden', /is for "orders", not for "billing"/),
  )
  await assert.rejects(
    ask(member('orders'), 'billing'),
    refused('forbidden', /your certificate is for "orders"/),
  )
  await assert.rejects(
    ask(join('orders'), 'orders', csr('billing')),
    refused('forbidden', /request is for spiffe:.*billing/),
  )
  for (const caller of [join('*'), member('tulle-plane'), { kind: 'admin' } as const])
    await assert.rejects(ask(caller, 'tulle-plane'), refused('forbidden', /own name/))
  await assert.rejects(ask({ kind: 'anonymous' }, 'orders'), refused('unauthenticated', /join token/))
  await assert.rejects(
    ask({ kind: 'admin' }, 'orders'),
    refused('forbidden', /admin token gets no certificate/),
  )
  assert.equal((await ask(join('*'), 'billing')).chain.length, 2)
  const admin: Caller = { kind: 'admin', service: 'deployer', id: 'spiffe://test.example/x' }
  assert.equal((await ask(admin, 'deployer')).chain.length, 2)
})

test('an identity of another trust domain or datacenter is not what this authority gives', async () => {
  const { issuance, join, keys } = await setting()
  for (const id of [
    'spiffe://evil.example/ns/default/dc/dc1/svc/orders',
    `spiffe://${trustDomain}/ns/default/dc/other/svc/orders`,
    `spiffe://${trustDomain}/ns/default/dc/dc1/svc/orders/admin`,
  ])
    await assert.rejects(
      issuance.svid(join('orders'), { csr: makeCsr(id, keys), service: 'orders' }),
      refused('forbidden', /the certificate request is for/),
    )
})

test('a request that proves nothing, or asks for what nobody is given, is refused with its reason', async () => {
  const { issuance, member, authority, keys, csr } = await setting()
  const id = authority.idOf('orders')
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const named = [alternativeNames({ uris: [id] }, true)]
  const good = dersOf(csr('orders'), ['CERTIFICATE REQUEST'])[0]!
  const bad = Uint8Array.from(good)
  bad[bad.length - 5]! ^= 1
  const cases: [string, RegExp][] = [
    [craft(named, rsa), /not on the curve P-256/],
    [craft(named, p384), /not on the curve P-256/],
    [craft(named, keys, await makeKey()), /signature does not prove/],
    [pemOf('CERTIFICATE REQUEST', bad), /signature does not prove|cannot be read/],
    [craft([alternativeNames({ uris: [id, authority.idOf('billing')] }, true)], keys), /2 URI names/],
    [craft([...named, ...named], keys), /2 URI names/],
    [craft([alternativeNames({ dns: ['orders'] }, true)], keys), /no URI name/],
    [craft([alternativeNames({ uris: [`${id}/../billing`] }, true)], keys), /segment/],
    [pemOf('CERTIFICATE REQUEST', good.subarray(0, -1)), /not one DER value/],
    [csr('orders') + csr('orders'), /not one PEM block/],
    ['', /not one PEM block/],
  ]
  for (const [request, words] of cases)
    await assert.rejects(
      issuance.svid(member('orders'), { csr: request, service: 'orders' }),
      refused('malformed', words),
    )
  await assert.rejects(
    issuance.svid(member('orders'), { csr: csr('orders') + ' '.repeat(8192), service: 'orders' }),
    refused('too-large', /8192/),
  )
})

test('a request to be a CA, or for further names, gets a plain leaf with the one name', async () => {
  const { issuance, member, authority, keys } = await setting()
  const ca = new Extension({
    extnID: id_ce_basicConstraints,
    critical: true,
    extnValue: new OctetString(AsnConvert.serialize(new BasicConstraints({ cA: true }))),
  })
  const names = alternativeNames({ uris: [authority.idOf('orders')], dns: ['evil.example'] }, true)
  const { chain } = await issuance.svid(member('orders'), {
    csr: craft([ca, names], keys),
    service: 'orders',
  })
  const der = certificatesOf(chain[0]!)[0]!
  const svid = readSvid(der)
  assert.ok(!isMeshError(svid), String(svid))
  assert.equal(svid.id, authority.idOf('orders'))
  assert.ok(!Buffer.from(der).includes('evil.example'))
})

test('a token good for one certificate gives one, and not for a request that was refused', async () => {
  const { issuance, join, csr } = await setting()
  const caller = join('orders', 1)
  await assert.rejects(issuance.svid(caller, { csr: 'x', service: 'orders' }), refused('malformed', /PEM/))
  await issuance.svid(caller, { csr: csr('orders'), service: 'orders' })
  await assert.rejects(
    issuance.svid(caller, { csr: csr('orders'), service: 'orders' }),
    refused('unauthenticated', /used once/),
  )
})

test('a banned identity gets no certificate, not even when it was banned while it asked', async () => {
  const { issuance, join, member, csr, bans, store } = await setting()
  const caller = join('orders', 5)
  store.before = async () => {
    store.before = async () => {}
    await bans.ban('orders')
  }
  await assert.rejects(
    issuance.svid(caller, { csr: csr('orders'), service: 'orders' }),
    refused('forbidden', /"orders" is banned/),
  )
  for (const each of [member('orders'), join('orders')])
    await assert.rejects(
      issuance.svid(each, { csr: csr('orders'), service: 'orders' }),
      refused('forbidden', /is banned/),
    )
})

test('certificates are limited per service and in all, and who is refused is told when to come again', async () => {
  const { issuance, member, csr, clock } = await setting({
    perService: { perSecond: 1, burst: 2 },
    inAll: { perSecond: 1, burst: 3 },
  })
  const ask = (service: string) => issuance.svid(member(service), { csr: csr(service), service })
  await ask('orders')
  await ask('orders')
  const tooMany = (error: unknown): boolean => {
    assert.ok(error instanceof Refusal)
    assert.deepEqual([error.status, error.retryAfterMs], [429, 1000])
    return true
  }
  await assert.rejects(ask('orders'), tooMany)
  await ask('billing')
  await assert.rejects(ask('billing'), tooMany)
  clock.advance(1000)
  await ask('billing')
})

test('the trust document changes with every root and every ban, and its tag with it, but not with a restart', async () => {
  const { authority, bans, trust } = await setting()
  const seen = [trust.etag()]
  trust.onChange(() => seen.push(trust.etag()))
  await bans.ban('orders')
  assert.deepEqual(trust.document.denied, [authority.idOf('orders')])
  await authority.rotate()
  await authority.retire({ force: true })
  await bans.unban('orders')
  assert.equal(new Set(seen).size, 5)
  assert.equal(JSON.parse(trust.json()).denied.length, 0)
  assert.equal(new Trust({ authority, bans }).etag(), trust.etag())
})
