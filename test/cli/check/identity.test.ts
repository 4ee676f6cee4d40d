import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { checkIdentity } from '../../../src/cli/check/identity.ts'
import { keptIdentity, readKept } from '../../../src/cli/check/kept.ts'
import { planeTarget } from '../../../src/cli/check/target.ts'
import { silent } from '../../../src/cli/silent.ts'
import { keepPolicy } from '../../../src/control/kept-policy.ts'
import { writeBundle } from '../../../src/identity/bundle.ts'
import { Kept } from '../../../src/identity/kept.ts'
import { stateDirectory } from '../../../src/platform/state-dir.ts'
import { TestCa } from '../../kit/certificates.ts'
import { NOW, tokenText } from '../../kit/command.ts'

const ca = TestCa.create({ wall: () => NOW, lifetimeMs: 365 * 86_400_000 })
const below = ca.intermediate({ lifetimeMs: 3 * 86_400_000 })

/** A state directory as a running service leaves it. */
async function state(t: TestContext, service = 'orders'): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'tulle-kept-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const store = stateDirectory(dir)
  const kept = new Kept({ service, store, keys: true, log: silent })
  await kept.keep({ ...below.issue({ service }), receivedMs: NOW })
  const trust = { trustDomain: 'test.example', bundle: writeBundle([ca.root], 1), denied: [] }
  await kept.keepTrust(trust, NOW - 3_600_000)
  await keepPolicy(store, { policy: { sequence: 7, documents: [] }, savedMs: NOW })
  return dir
}

const config = {
  service: 'orders',
  joinToken: undefined,
  certFile: undefined,
  keyFile: undefined,
  trustBundle: undefined,
}

test('days left are told of every level: certificate, intermediate, root, and of the bundle its age', async (t) => {
  const kept = await readKept(await state(t), 'orders')
  const findings = await checkIdentity(config, kept, NOW)
  assert.deepEqual(
    findings.map(({ verdict, says }) => `${verdict} ${says.replace(/ \(.*?\)| [0-9a-f]{16}/g, '')}`),
    [
      'pass the certificate is good for 24 h more, until 2026-11-22 06:00:00Z',
      'warn the intermediate is good for 3 d more, until 2026-11-24 06:00:00Z',
      'pass the root is good for 365 d more, until 2027-11-21 06:00:00Z',
      'pass the trust bundle was confirmed by the plane 60 min ago',
    ],
  )
})

test('what was kept is shown to the plane while it is good; a plane must prove itself by the kept bundle', async (t) => {
  const kept = await readKept(await state(t), 'orders')
  const identity = keptIdentity(kept, NOW)
  assert.equal(identity?.current?.notAfterMs, NOW + 86_400_000)
  assert.equal(keptIdentity(kept, NOW + 2 * 86_400_000), undefined)
  const token = tokenText('join', { service: 'orders' })
  const target = planeTarget({ planes: [], joinToken: token, trustBundle: undefined }, kept, identity)
  assert.deepEqual(target?.urls, ['https://plane.test:7400'])
  assert.deepEqual(target?.roots, [ca.rootPem])
  assert.equal(kept.policy?.policy.sequence, 7)
})

test('a state directory of another service, and a damaged file, are failures that say what is lost', async (t) => {
  const foreign = await readKept(await state(t, 'stock'), 'orders')
  assert.match(foreign.trouble[0]?.says ?? '', /belongs to the service "stock"/)
  const dir = await state(t)
  await writeFile(join(dir, 'policy.json'), '{')
  const damaged = await readKept(dir, 'orders')
  assert.match(damaged.trouble[0]?.says ?? '', /policy\.json in .* is damaged/)
})

test('neither token nor certificate: how to get one', async () => {
  const [finding] = await checkIdentity(config, { roots: [], trouble: [] }, NOW)
  assert.equal(finding?.hint, 'Without one this service cannot join: tulle token create orders')
})

test('certificates from files are looked at too', async (t) => {
  const dir = await state(t)
  const certFile = join(dir, 'tls.crt')
  const look = () =>
    checkIdentity({ ...config, certFile, trustBundle: ca.rootPem }, { roots: [], trouble: [] }, NOW)
  assert.match((await look())[0]?.says ?? '', /^TULLE_CERT_FILE cannot be read: ENOENT/)
  await writeFile(certFile, 'nothing')
  assert.match((await look())[0]?.says ?? '', /holds no certificate/)
  await writeFile(certFile, below.issue().chainPem.join(''))
  assert.deepEqual(
    (await look()).map(({ verdict }) => verdict),
    ['pass', 'warn', 'pass'],
  )
})

test('a configured bundle names the trust domain by its root', () => {
  const none = { roots: [], trouble: [] }
  const target = planeTarget(
    { planes: ['https://a:1'], joinToken: undefined, trustBundle: ca.rootPem },
    none,
    undefined,
  )
  assert.deepEqual([target?.trustDomain, target?.roots], ['test.example', [ca.rootPem]])
  assert.equal(
    planeTarget({ planes: [], joinToken: undefined, trustBundle: undefined }, none, undefined),
    undefined,
  )
})

test('a key in a file is held against the certificate, because only a restart would notice', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'tulle-files-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const [certFile, keyFile] = [join(dir, 'tls.crt'), join(dir, 'tls.key')]
  const svid = below.issue()
  const failures = async () => {
    const files = { ...config, certFile, keyFile, trustBundle: ca.rootPem }
    const findings = await checkIdentity(files, { roots: [], trouble: [] }, NOW)
    return findings.filter(({ verdict }) => verdict === 'fail').map(({ says }) => says.replace(dir, ''))
  }
  await writeFile(certFile, svid.chainPem.join(''))
  assert.deepEqual(await failures(), ['TULLE_KEY_FILE (/tls.key) cannot be used: ENOENT'])
  await writeFile(keyFile, below.issue().keyPem)
  assert.deepEqual(await failures(), ['the key in /tls.key is not that of the certificate'])
  await writeFile(keyFile, svid.keyPem)
  assert.deepEqual(await failures(), [])
})
