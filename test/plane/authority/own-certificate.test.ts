import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { sha256Of } from '../../../src/identity/bundle.ts'
import { certificatesOf } from '../../../src/identity/pem.ts'
import { readSvid } from '../../../src/identity/svid.ts'
import { Authority } from '../../../src/plane/authority/authority.ts'
import { OwnCertificate, type ServerCertificate } from '../../../src/plane/authority/own-certificate.ts'
import { ManualClock } from '../../../src/testing/manual-clock.ts'
import { until } from '../../kit/wait.ts'
import { ScriptedStore } from '../scripted-store.ts'

const HOUR = 3_600_000

async function setting(ttlMs = HOUR) {
  const clock = new ManualClock(1_800_000_000_000)
  const wall = (): number => clock.now()
  const authority = await Authority.open({
    store: new ScriptedStore(),
    wall,
    trustDomain: 'test.example',
    ttlMs,
  })
  const errors: string[] = []
  const none = (): void => {}
  const logger = { debug: none, info: none, warn: none, error: (message: string) => errors.push(message) }
  const own = await OwnCertificate.start({ authority, clock, wall, random: () => 0.5, logger })
  const seen: ServerCertificate[] = []
  own.onChange((certificate) => seen.push(certificate))
  return { clock, authority, own, seen, errors }
}

test("the plane's certificate is its SVID, its own key's, and ends with the root that tokens name", async () => {
  const { own, authority } = await setting()
  const [leaf, ...above] = certificatesOf(own.current.cert)
  assert.deepEqual(readSvid(leaf!) instanceof Error, false)
  assert.equal((readSvid(leaf!) as { id: string }).id, authority.idOf('tulle-plane'))
  assert.ok(
    own.current.key.includes('PRIVATE KEY') &&
      new X509Certificate(leaf!).subjectAltName?.includes('tulle-plane'),
  )
  assert.equal(sha256Of(above.at(-1)!), authority.rootSha256)
  own.close()
})

test('it is renewed at half of its time, with a new key each time', async () => {
  const { own, clock, seen } = await setting()
  const first = own.current
  clock.advance(29 * 60_000)
  assert.equal(seen.length, 0)
  clock.advance(2 * 60_000)
  await until(() => seen.length === 1, { what: 'the next certificate' })
  assert.equal(own.current, seen[0])
  assert.notEqual(own.current.key, first.key)
  assert.ok(own.current.notAfterMs > first.notAfterMs)
  own.close()
})

test('a certificate of seconds is renewed in seconds', async () => {
  const { own, clock, seen } = await setting(20_000)
  clock.advance(11_000)
  await until(() => seen.length === 1, { what: 'the next certificate' })
  own.close()
})

test('a change of the roots renews it at once', async () => {
  const { own, authority, seen } = await setting()
  await authority.rotate()
  await until(() => seen.length === 1, { what: 'the next certificate' })
  assert.equal(certificatesOf(own.current.cert).length, 4)
  await authority.retire({ force: true })
  await until(() => seen.length === 2, { what: 'the next certificate' })
  assert.equal(certificatesOf(own.current.cert).length, 2)
  own.close()
})

test('where it cannot be renewed the old one is kept, the log says so, and it is tried again', async () => {
  const { own, authority, clock, errors } = await setting()
  const first = own.current
  const issue = authority.issue.bind(authority)
  authority.issue = () => {
    throw new Error('no')
  }
  clock.advance(31 * 60_000)
  await until(() => errors.length === 1, { what: 'the next certificate' })
  assert.equal(own.current, first)
  authority.issue = issue
  clock.advance(61_000)
  await until(() => own.current !== first, { what: 'the next certificate' })
  own.close()
})

test('once closed it waits for nothing and changes nothing', async () => {
  const { own, authority, clock, seen } = await setting()
  own.close()
  assert.equal(clock.armed, 0)
  await authority.rotate()
  assert.equal(seen.length, 0)
})
