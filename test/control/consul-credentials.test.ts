import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { ConsulAgentOptions } from '../../src/control/consul-agent.ts'
import { ConsulCredentials } from '../../src/control/consul-credentials.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { TestCa } from '../kit/certificates.ts'
import { until } from '../kit/wait.ts'

const ca = TestCa.create()
const leaf = ca.issue()

function world(t: TestContext, agent: (at: (name: string) => string) => Omit<ConsulAgentOptions, 'address'>) {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-credentials-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const at = (name: string): string => join(folder, name)
  const clock = new ManualClock()
  const said: string[] = []
  const own = { changes: 0 }
  const quiet = (): void => {}
  const credentials = new ConsulCredentials({
    agent: { address: 'https://127.0.0.1:8501', ...agent(at) },
    secure: true,
    clock,
    log: { debug: quiet, info: quiet, error: quiet, warn: (message) => void said.push(message) },
    onChange: () => {
      own.changes += 1
    },
  })
  t.after(() => credentials.close())
  return { credentials, clock, at, said, own }
}

test('a token file wins over the token, and is read without what an editor leaves at its end', async (t) => {
  const { credentials, at } = world(t, (at) => ({ token: 'one', tokenFile: at('token') }))
  writeFileSync(at('token'), ' two\n')
  assert.equal(await credentials.token(), 'two')
})

test('SECURITY fact 5: without a token in its file nothing is asked, since Consul would answer empty lists', async (t) => {
  const { credentials, at } = world(t, (at) => ({ tokenFile: at('token') }))
  await assert.rejects(credentials.token(), /the ACL token file .*token cannot be read: there is none/)
  writeFileSync(at('token'), '')
  await assert.rejects(credentials.token(), /the ACL token file .* is empty/)
  writeFileSync(at('token'), 's3cret and more')
  await assert.rejects(credentials.token(), (error: Error) => {
    assert.match(error.message, /holds something that is no token/)
    return !error.message.includes('s3cret')
  })
})

test('a token that is replaced is news within a second, and its clock ends with it', async (t) => {
  const { credentials, clock, at, own } = world(t, (at) => ({ tokenFile: at('token') }))
  writeFileSync(at('token'), 'one')
  await credentials.token()
  writeFileSync(at('token'), 'three')
  clock.advance(1000)
  await until(() => own.changes === 1, { what: 'the news' })
  assert.equal(await credentials.token(), 'three')
  await until(() => clock.armed === 1, { what: 'the next look' })
  credentials.close()
  assert.equal(clock.armed, 0)
})

test('TLS is made of a file, of a folder of which only certificates count, and of our own certificate', async (t) => {
  const { credentials, at } = world(t, (at) => ({
    caFile: at('ca.pem'),
    caPath: at('cas'),
    certFile: at('cert.pem'),
    keyFile: at('key.pem'),
  }))
  mkdirSync(at('cas'))
  writeFileSync(at('cas/README'), 'the CA of the agents')
  writeFileSync(at('cas/one.pem'), ca.rootPem)
  writeFileSync(at('ca.pem'), ca.rootPem)
  writeFileSync(at('cert.pem'), leaf.certPem)
  writeFileSync(at('key.pem'), leaf.keyPem)
  const first = await credentials.context()
  assert.ok(first)
  assert.equal(await credentials.context(), first, 'made once')
})

test('a CA file that is half written is refused, and the one before is used on', async (t) => {
  const { credentials, at, said } = world(t, (at) => ({ caFile: at('ca.pem') }))
  const half = ca.rootPem.slice(0, ca.rootPem.length / 2)
  writeFileSync(at('ca.pem'), half)
  await assert.rejects(credentials.context(), /ca\.pem holds no whole PEM certificates: it is cut off/)
  writeFileSync(at('ca.pem'), ca.rootPem)
  const whole = await credentials.context()
  writeFileSync(at('ca.pem'), `${ca.rootPem}${half}`)
  await credentials.look()
  assert.equal(await credentials.context(), whole)
  assert.match(said.join(), /it is cut off; what it held before is used on/)
})

test('a folder without a certificate, and a key of another certificate, are refused with their paths', async (t) => {
  const empty = world(t, (at) => ({ caPath: at('cas') }))
  await assert.rejects(empty.credentials.context(), /the CA folder .*cas cannot be read: there is none/)
  mkdirSync(empty.at('cas'))
  await assert.rejects(empty.credentials.context(), /the CA folder .*cas has no PEM certificate in it/)
  const other = world(t, (at) => ({ certFile: at('cert.pem'), keyFile: at('key.pem') }))
  writeFileSync(other.at('cert.pem'), leaf.certPem)
  writeFileSync(other.at('key.pem'), ca.issue().keyPem)
  await assert.rejects(other.credentials.context(), /cert\.pem, .*key\.pem: OpenSSL cannot use them: .*key/i)
})
