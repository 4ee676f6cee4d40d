import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join as joinPath } from 'node:path'
import { test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { keyPem } from '../../../src/identity/keys.ts'
import { pemOf } from '../../../src/identity/pem.ts'
import { Peers } from '../../../src/plane/api/peer.ts'
import { startPlane } from '../../../src/plane.ts'
import { TestCa, type TestSvid } from '../../kit/certificates.ts'
import { join, planeClient } from '../../kit/plane-client.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

/** What Node says of a peer that TLS has verified and of whom it tells the leaf alone. */
const leafOnly = ({ der }: TestSvid) =>
  ({ authorized: true, getPeerCertificate: () => ({ raw: Buffer.from(der) }) }) as unknown as TLSSocket

test('a member of whom only the leaf is known is believed by the intermediates we have, as long as its root is', () => {
  const ca = TestCa.create()
  const middle = ca.intermediate()
  let roots: readonly Uint8Array[] = [ca.root]
  let intermediates: readonly Uint8Array[] = [middle.certificate]
  const peers = new Peers({
    trustDomain: ca.trustDomain,
    roots: () => roots,
    intermediates: () => intermediates,
    wall: Date.now,
  })
  const socket = leafOnly(middle.issue())
  assert.match(peers.of(socket)?.id ?? '', /svc\/orders$/)
  roots = [TestCa.create().root]
  assert.throws(() => peers.of(socket), /believed no more/)
  roots = [ca.root]
  intermediates = []
  assert.throws(() => peers.of(leafOnly(middle.issue())), /believed no more/)
})

test('under an intermediate that was brought along members are served, also after another one of its root took over', async (t) => {
  const dir = mkdtempSync(joinPath(tmpdir(), 'tulle-peer-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const root = TestCa.create()
  const under = (ca: TestCa) =>
    startPlane({
      dir,
      port: 0,
      host: '127.0.0.1',
      trustDomain: root.trustDomain,
      caCert: [...ca.above, root.root].map((der) => pemOf('CERTIFICATE', der)).join(''),
      caKey: keyPem({ privateKey: ca.key }),
      logger: silent,
    })
  const first = await under(root.intermediate())
  t.after(() => first.close())
  const orders = await join(t, first, 'orders')
  assert.equal((await planeClient(t, first, orders).ask('/v1/policy')).status, 200)
  await first.close()
  const second = await under(root.intermediate())
  t.after(() => second.close())
  const before = await planeClient(t, second, orders).ask('/v1/policy')
  assert.equal(before.status, 200, JSON.stringify(before.body))
  assert.equal((await planeClient(t, second, await join(t, second, 'users')).ask('/v1/policy')).status, 200)
})
