import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type MeshOptions, readConfig } from '../src/config.ts'
import { isMeshError } from '../src/core/errors.ts'
import { MTLS_MODES, type MtlsMode } from '../src/core/identity.ts'
import { type Member, memberOf } from '../src/member.ts'
import { ManualClock } from '../src/testing/manual-clock.ts'
import { TestCa } from './kit/certificates.ts'

const folder = mkdtempSync(join(tmpdir(), 'tulle-member-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const bundleFile = join(folder, 'ca.crt')
writeFileSync(bundleFile, TestCa.create().rootPem)

const content = {
  urls: ['https://plane.test:7400', 'https://spare.test:7400'],
  rootSha256: 'ab'.repeat(32),
  trustDomain: 'test.example',
  service: 'orders',
}
const TOKEN = `tulle_join_${Buffer.from(JSON.stringify(content)).toString('base64url')}.${'s'.repeat(43)}`

const FILES = {
  TULLE_CERT_FILE: join(folder, 'tls.crt'),
  TULLE_KEY_FILE: join(folder, 'tls.key'),
  TULLE_TRUST_BUNDLE_FILE: bundleFile,
}
/** Where an identity may come from; `none`: there is no plane and none. */
const IDENTITIES: Readonly<Record<string, Record<string, string>>> = {
  none: {},
  token: { TULLE_JOIN_TOKEN: TOKEN },
  files: FILES,
  'files and a plane': { ...FILES, TULLE_PLANE_URL: 'https://plane.test:7400' },
}

function member(env: Record<string, string>, options: MeshOptions = {}): Member {
  const log = { debug() {}, info() {}, warn() {}, error() {} }
  const deps = { clock: new ManualClock(), wall: () => 0, random: () => 0.5, log }
  const mesh = { plan: () => undefined, state: () => 'idle' as const }
  return memberOf(readConfig({ ...options, env: { TULLE_SERVICE: 'orders', ...env } }), deps, mesh)
}

function refusalOf(env: Record<string, string>, options: MeshOptions = {}): string {
  try {
    member(env, options)
  } catch (error) {
    assert.ok(isMeshError(error) && error.code === 'TULLE_CONFIG')
    return error.message
  }
  return assert.fail('nothing was thrown')
}

test('every combination of modes, in both directions, with and without an identity', () => {
  for (const [name, source] of Object.entries(IDENTITIES)) {
    const has = name !== 'none'
    for (const mtls of [undefined, ...MTLS_MODES])
      for (const inbound of [undefined, ...MTLS_MODES]) {
        const env = { ...source, ...(mtls && { TULLE_MTLS: mtls }) }
        const options = inbound === undefined ? {} : { inbound: { mtls: inbound } }
        const say = `${name}, TULLE_MTLS ${mtls}, inbound ${inbound}`
        if (!has && (mtls === 'strict' || inbound === 'strict')) {
          assert.match(refusalOf(env, options), /strict mutual TLS needs an identity/, say)
          continue
        }
        const outbound: MtlsMode = mtls ?? (has ? 'strict' : 'disable')
        const expected = {
          outbound,
          // Without an identity a listener can only be plaintext, and permissive says no more than that it may be.
          inbound: has ? (inbound ?? outbound) : 'disable',
          written: mtls !== undefined,
        }
        assert.deepEqual(member(env, options).mtls, expected, say)
      }
  }
})

test('the mode of the listeners may come from the environment as well', () => {
  const { mtls } = member({ ...IDENTITIES.token, TULLE_INBOUND_MTLS: 'permissive' })
  assert.deepEqual(mtls, { outbound: 'strict', inbound: 'permissive', written: false })
})

test('a join token alone makes a member: planes, identity, registry and policy are the plane’s', async () => {
  const made = member({ TULLE_JOIN_TOKEN: TOKEN })
  assert.deepEqual(made.planes, content.urls)
  assert.ok(made.identity !== undefined && made.registrar !== undefined && made.registry !== undefined)
  assert.equal(made.source.lazy, true)
  assert.equal(made.followed(), undefined)
  const feed = made.feed(() => ({ problems: [] }))
  assert.equal(made.followed(), feed)
  await made.close()
})

test('a plane that is written down wins over those the token names', () => {
  const made = member({ TULLE_JOIN_TOKEN: TOKEN, TULLE_PLANE_URL: 'https://here.test:7400' })
  assert.deepEqual(made.planes, ['https://here.test:7400'])
})

test('without a plane nothing of it is there, and addresses are those that were written', () => {
  for (const env of [{}, FILES]) {
    const made = member({ ...env, TULLE_ENDPOINTS: 'stock=10.0.0.1:80' })
    assert.deepEqual([made.planes, made.registrar, made.registry], [[], undefined, undefined])
    assert.equal(
      made.feed(() => ({ problems: [] })),
      undefined,
    )
    assert.deepEqual(made.source.known(), ['stock'])
    assert.equal(made.identity === undefined, env !== FILES)
  }
})

test('addresses may be static beside a plane, and must not be the plane’s without one', () => {
  const made = member({ TULLE_JOIN_TOKEN: TOKEN, TULLE_DISCOVERY: 'static' })
  assert.equal(made.registry, undefined)
  assert.ok(made.registrar !== undefined, 'others still find this service')
  assert.match(refusalOf({ TULLE_DISCOVERY: 'plane' }), /needs a plane/)
})

test('certificates from files are three files or a mistake', () => {
  for (const missing of Object.keys(FILES)) {
    const env: Record<string, string> = { ...FILES }
    delete env[missing]
    if (missing === 'TULLE_TRUST_BUNDLE_FILE') assert.match(refusalOf(env), /TULLE_TRUST_BUNDLE_FILE/)
    else assert.match(refusalOf(env), /certificates from files are three/)
  }
  // A bundle that is not a file cannot follow a rotation.
  const { TULLE_TRUST_BUNDLE_FILE: _, ...two } = FILES
  assert.match(
    refusalOf({ ...two, TULLE_TRUST_BUNDLE: TestCa.create().rootPem }),
    /certificates from files are three/,
  )
})
