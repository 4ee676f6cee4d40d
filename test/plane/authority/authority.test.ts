import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { isMeshError } from '../../../src/core/errors.ts'
import { readBundle, sha256Of } from '../../../src/identity/bundle.ts'
import { readCertificate } from '../../../src/identity/certificate.ts'
import { makeKey } from '../../../src/identity/keys.ts'
import { certificatesOf } from '../../../src/identity/pem.ts'
import { readSvid } from '../../../src/identity/svid.ts'
import { Authority, type AuthorityOptions, type Issued } from '../../../src/plane/authority/authority.ts'
import { Refusal } from '../../../src/plane/refusal.ts'
import { ScriptedStore } from '../scripted-store.ts'
import { handshake, type Party, partyOf } from './handshake.ts'

const HOUR = 3_600_000
const OK = { ofServer: 'ok', ofClient: 'ok' }
const trustDomain = 'test.example'

function setting(options: Partial<AuthorityOptions> = {}) {
  const store = new ScriptedStore()
  // OpenSSL knows no other time than the machine's.
  let ahead = 0
  const wall = (): number => Date.now() + ahead
  return {
    store,
    wall,
    open: (more: Partial<AuthorityOptions> = {}) =>
      Authority.open({ store, wall, trustDomain, ...options, ...more }),
    pass: (ms: number) => {
      ahead += ms
    },
  }
}

const leafOf = ({ chain }: Issued): Uint8Array => certificatesOf(chain[0]!)[0]!
const dersOf = ({ chain }: Issued): Uint8Array[] => chain.flatMap(certificatesOf)

const conflict = (words: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Refusal, String(error))
  assert.equal(error.kind, 'conflict')
  assert.match(`${error.message} ${error.hint}`, words)
  return true
}

test('the root of a first start is a P-256 CA of ten years with the trust domain as its ID', async () => {
  const { open, wall } = setting()
  const [root] = (await open()).roots
  const facts = readCertificate(root!)
  assert.ok(typeof facts !== 'string')
  assert.deepEqual(facts.uris, [`spiffe://${trustDomain}`])
  assert.ok(facts.isCa)
  assert.deepEqual(facts.keyUsage, { critical: true, bits: new Set(['keyCertSign', 'cRLSign']) })
  assert.ok(Math.abs(facts.notAfterMs - wall() - 3652.5 * 24 * HOUR) < 60_000)
  const certificate = new X509Certificate(root!)
  assert.ok(certificate.ca && certificate.verify(certificate.publicKey))
  assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1')
})

test('SECURITY incident 17: an SVID keeps every rule, and ends with the chain to the root', async () => {
  const { open, wall } = setting({ dc: 'dc1' })
  const authority = await open()
  const { publicKey } = await makeKey()
  const issued = authority.issue('orders', publicKey)
  const svid = readSvid(leafOf(issued))
  assert.ok(!isMeshError(svid), String(svid))
  assert.equal(svid.id, `spiffe://${trustDomain}/ns/default/dc/dc1/svc/orders`)
  assert.ok(Math.abs(svid.notBeforeMs - (wall() - 5 * 60_000)) < 5000)
  assert.ok(Math.abs(svid.notAfterMs - (wall() + 24 * HOUR)) < 5000)
  assert.equal(issued.notAfterMs, svid.notAfterMs)
  const facts = readCertificate(leafOf(issued))
  assert.ok(typeof facts !== 'string')
  assert.deepEqual(facts.keyUsage, { critical: true, bits: new Set(['digitalSignature']) })
  assert.deepEqual(facts.extendedKeyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
  assert.deepEqual([facts.isCa, facts.subjectEmpty, facts.sanCritical], [false, true, true])
  assert.equal(facts.serial.length, 32)
  assert.notEqual(authority.issue('orders', publicKey).serial, issued.serial)
  assert.equal(sha256Of(dersOf(issued).at(-1)!), authority.rootSha256)
  assert.ok(new X509Certificate(leafOf(issued)).verify(new X509Certificate(authority.roots[0]!).publicKey))
})

test('a restart changes nothing: the same root, the same bundle, and leaves that believe each other', async () => {
  const { open } = setting()
  const first = await open()
  const party = await partyOf(first)
  const second = await open()
  assert.deepEqual(second.roots, first.roots)
  assert.equal(second.bundle, first.bundle)
  assert.deepEqual(await handshake(party, await partyOf(second, 'billing')), OK)
})

test('no leaf outlives what signs it, and a CA that is over signs nothing', async () => {
  const { open, pass } = setting()
  const authority = await open()
  const { publicKey } = await makeKey()
  const end = authority.status().active[0]!.notAfterMs
  pass(end - Date.now() - HOUR)
  assert.equal(authority.issue('orders', publicKey).notAfterMs, end)
  pass(HOUR)
  assert.throws(() => authority.issue('orders', publicKey), { code: 'TULLE_PLANE', message: /has expired/ })
})

test('FAULTS 38: through a rotation processes with old and new certificates and bundles all believe each other', async () => {
  const { open } = setting()
  const authority = await open()
  const before = await partyOf(authority)
  await authority.rotate()
  const after = await partyOf(authority)
  // Each has renewed its certificate or not, and learned the new bundle or not.
  const parties: Record<string, Party> = {
    'nothing renewed': before,
    'bundle renewed': { ...before, roots: after.roots },
    'certificate renewed': { ...after, roots: before.roots },
    'all renewed': after,
  }
  for (const version of ['TLSv1.3', 'TLSv1.2'] as const)
    for (const [server, one] of Object.entries(parties))
      for (const [client, other] of Object.entries(parties))
        assert.deepEqual(
          await handshake(one, other, version),
          OK,
          `${server} serves, ${client} calls, ${version}`,
        )
})

test('FAULTS 39: once the old root is retired nothing it signed is believed, the cross-signed root included', async () => {
  const { open } = setting()
  const authority = await open()
  const before = await partyOf(authority)
  await authority.rotate()
  const during = await partyOf(authority)
  await authority.retire({ force: true })
  const after = await partyOf(authority)
  assert.equal((await handshake(after, before)).ofClient, 'SELF_SIGNED_CERT_IN_CHAIN')
  assert.deepEqual(await handshake(after, { ...during, roots: after.roots }), OK)
  assert.equal(certificatesOf(after.cert).length, 2)
})

test('the bundle of a rotation has the new root first and a higher sequence; so has the one after it', async () => {
  const { open } = setting()
  const authority = await open()
  const read = () => {
    const bundle = readBundle(authority.bundle, trustDomain)
    assert.ok(!isMeshError(bundle), String(bundle))
    return { sequence: bundle.sequence, roots: bundle.roots.map(sha256Of) }
  }
  const old = authority.rootSha256
  assert.deepEqual(read(), { sequence: 1, roots: [old] })
  await authority.rotate()
  assert.notEqual(authority.rootSha256, old)
  assert.deepEqual(read(), { sequence: 2, roots: [authority.rootSha256, old] })
  await authority.retire({ force: true })
  assert.deepEqual(read(), { sequence: 3, roots: [authority.rootSha256] })
})

test('during a rotation the chain holds both roots, for tokens of before and of now', async () => {
  const { open } = setting()
  const authority = await open()
  const old = authority.rootSha256
  await authority.rotate()
  const ders = dersOf(authority.issue('orders', (await makeKey()).publicKey)).map(sha256Of)
  assert.equal(ders.length, 4)
  assert.deepEqual(ders.slice(2), [authority.rootSha256, old])
})

test('the old root is retired when its last leaf is over, and not before unless forced', async () => {
  const { open, pass, wall } = setting({ ttlMs: HOUR })
  const authority = await open()
  await assert.rejects(authority.retire(), conflict(/no rotation/))
  const last = authority.issue('orders', (await makeKey()).publicKey)
  await authority.rotate()
  const until = authority.status().previous?.leavesUntilMs ?? 0
  assert.ok(until >= last.notAfterMs)
  await assert.rejects(authority.retire(), conflict(/may live until/))
  await assert.rejects(authority.rotate(), conflict(/retire the old root first/))
  pass(until - wall())
  await authority.retire()
  assert.equal(authority.status().previous, undefined)
})

test('how long leaves may live is remembered although later ones are shorter', async () => {
  const { open, wall } = setting()
  await open({ ttlMs: 24 * HOUR })
  const authority = await open({ ttlMs: HOUR })
  await authority.rotate()
  assert.ok((authority.status().previous?.leavesUntilMs ?? 0) > wall() + 23 * HOUR)
})

test('a restart in each phase goes on in it', async () => {
  const { open } = setting()
  const before = await partyOf(await open())
  await (await open()).rotate()
  const rotating = await open()
  assert.equal(rotating.roots.length, 2)
  const during = await partyOf(rotating)
  assert.deepEqual(await handshake(during, before), OK)
  assert.deepEqual(await handshake(before, during), OK)
  await assert.rejects(rotating.retire(), conflict(/may live until/))
  await rotating.retire({ force: true })
  const settled = await open()
  assert.equal(settled.roots.length, 1)
  assert.deepEqual(settled.roots, rotating.roots)
  assert.deepEqual(await handshake(await partyOf(settled), { ...during, roots: settled.roots }), OK)
})

test('a rotation that cannot be written has not happened, in memory as on disk', async () => {
  const { open, store } = setting()
  const authority = await open()
  const { bundle, roots } = authority
  store.full = true
  await assert.rejects(authority.rotate(), { code: 'TULLE_STATE' })
  assert.equal(authority.bundle, bundle)
  assert.equal(authority.roots, roots)
  store.full = false
  assert.equal((await open()).bundle, bundle)
  await authority.rotate()
  assert.notEqual(authority.bundle, bundle)
})

test('a leaf that is issued while a rotation is being written outlives nothing that was promised', async () => {
  const { open, store, pass } = setting({ ttlMs: HOUR })
  const authority = await open()
  const { publicKey } = await makeKey()
  let issued: Issued | undefined
  store.before = async () => {
    pass(60_000)
    issued = authority.issue('orders', publicKey)
  }
  await authority.rotate()
  const until = authority.status().previous?.leavesUntilMs ?? 0
  assert.ok(issued !== undefined && issued.notAfterMs <= until)
  assert.equal(sha256Of(dersOf(issued).at(-1)!), authority.status().previous?.sha256)
})

test('of two rotations asked for at one moment one takes place', async () => {
  const { open } = setting()
  const authority = await open()
  const results = await Promise.allSettled([authority.rotate(), authority.rotate()])
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
  assert.equal(authority.status().sequence, 2)
})

test('the key is nowhere but in the record, and not in what is told of the CA', async () => {
  const { open, store } = setting()
  const authority = await open()
  assert.deepEqual([...store.content.keys()], ['authority/ca'])
  assert.match(store.text, /PRIVATE KEY/)
  assert.doesNotMatch(JSON.stringify(authority.status()) + authority.bundle, /PRIVATE KEY|"d":/)
  await authority.rotate()
  assert.equal(store.text.match(/BEGIN PRIVATE KEY/g)?.length, 1)
})

test('a state of another trust domain, an unreadable one, and options that mean nothing are refused by name', async () => {
  const { open, store } = setting()
  await open()
  await assert.rejects(open({ trustDomain: 'prod.example' }), {
    code: 'TULLE_CONFIG',
    message: /test\.example.*prod\.example/,
  })
  await assert.rejects(open({ trustDomain: 'Bad Domain' }), { code: 'TULLE_CONFIG', message: /trust domain/ })
  await assert.rejects(open({ dc: 'a/b' }), { code: 'TULLE_CONFIG', message: /datacenter/ })
  await assert.rejects(open({ ttlMs: 10 }), { code: 'TULLE_CONFIG', message: /lifetime/ })
  store.content.set('authority/ca', Buffer.from('{"format":1,'))
  await assert.rejects(open(), { code: 'TULLE_STATE', message: /unreadable/ })
})

test('who is whom: only identities of this trust domain, datacenter and shape are services here', async () => {
  const authority = await setting({ dc: 'dc1' }).open()
  assert.equal(authority.serviceOf(authority.idOf('orders')), 'orders')
  for (const id of [
    `spiffe://evil.example/ns/default/dc/dc1/svc/orders`,
    `spiffe://${trustDomain}/ns/default/dc/dc2/svc/orders`,
    `spiffe://${trustDomain}/ns/default/dc/dc1/svc/`,
    `spiffe://${trustDomain}/ns/default/dc/dc1/svc/a/b`,
    `spiffe://${trustDomain}`,
  ])
    assert.equal(authority.serviceOf(id), undefined, id)
})
