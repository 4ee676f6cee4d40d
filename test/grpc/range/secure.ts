import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerHttp2Stream } from 'node:http2'
import { afterEach, describe, test } from 'node:test'
import { connect, createSecureContext } from 'node:tls'
import { TestCa, wrongKinds } from '../../kit/certificates.ts'
import { closeAll, kept, leafTo, ok, secureH2 } from '../../kit/grpc/leaf-bench.ts'
import { GRPC_HEADERS, Sent } from '../../kit/grpc-bench.ts'
import { TestIdentity } from '../../kit/test-identity.ts'
import { serveTls } from '../../kit/tls-server.ts'
import { delay, until } from '../../kit/wait.ts'

const ca = TestCa.create()
const ORDERS = 'spiffe://test.example/ns/default/dc/dc1/svc/orders'
const H2 = { ALPNProtocols: ['h2'] }
afterEach(closeAll)

/** OpenSSL finds these first. */
const WORDS: Readonly<Record<string, RegExp>> = {
  expired: /has expired/,
  'not yet valid': /not yet valid/,
  'wrong EKU': /not meant for servers \(extended key usage\)/,
  'self-signed': /self-signed/,
}

describe('a peer that is not who was meant', () => {
  const kinds = [
    ...wrongKinds().map(({ kind, options, reason }) => ({
      kind,
      svid: ca.issue(options),
      reason: WORDS[kind] ?? reason,
    })),
    { kind: 'of an unknown CA', svid: TestCa.create().issue(), reason: /unknown CA/ },
  ]
  for (const { kind, svid, reason } of kinds) {
    test(`FAULTS 41: ${kind}: refused with its own reason, and no byte of the call is delivered`, async () => {
      const server = kept(await serveTls({ svid, ca, more: H2 }))
      const identity = new TestIdentity({ ca })
      const leaf = leafTo(Number(server.address.split(':')[1]), { identity })
      const sent = new Sent(leaf)
      const { error, condition, unsent, committed } = await sent.ended()
      assert.deepEqual(
        [error?.code, condition, unsent, committed],
        ['TULLE_PEER', 'connect-failure', true, false],
        error?.message,
      )
      assert.match(error?.message ?? '', reason)
      assert.ok(error?.message.startsWith(`orders: ${server.address} `), error?.message)
      assert.equal(error?.refusal, false)
      await delay(20)
      assert.equal(server.delivered(), 0)
      assert.deepEqual(sent.wire.heard, [])
    })
  }

  test('the identity that the endpoint itself names is demanded', async () => {
    const id = 'spiffe://test.example/ns/default/dc/dc2/svc/elsewhere'
    const server = await secureH2(ca, ok, { issue: { uris: [id] } })
    const identity = new TestIdentity({ ca })
    const named = new Sent(leafTo(server.port, { identity, spec: { identity: id } }))
    assert.equal((await named.ended()).class, 'success', named.outcome?.error?.message)
  })
})

/** A client of another make, which keeps what it is offered. */
async function visit(port: number, session?: Buffer): Promise<Buffer | undefined> {
  const { keyPem, chainPem } = ca.issue({ service: 'web' })
  const socket = connect({
    port,
    host: '127.0.0.1',
    ca: ca.rootPem,
    key: keyPem,
    cert: chainPem.join(''),
    checkServerIdentity: () => undefined,
    ...H2,
    ...(session && { session }),
  })
  const offered = session === undefined ? once(socket, 'session') : undefined
  // The preface, and an empty SETTINGS frame.
  socket.write(
    Buffer.concat([
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      Buffer.from('000000040000000000', 'hex'),
    ]),
  )
  await once(socket, 'data')
  const [given] = (await offered) ?? []
  socket.destroy()
  return given
}

describe('no session is ever resumed', () => {
  for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const)
    test(`${maxVersion}: the server offers tickets, and every connection makes a full handshake and is judged`, async () => {
      const server = await secureH2(ca, ok, { more: { maxVersion } })
      const session = await visit(server.port)
      assert.ok(session !== undefined, 'a ticket is offered')
      await visit(server.port, session)
      assert.deepEqual(server.resumed.splice(0), [false, true], 'who keeps it can resume')
      const identity = new TestIdentity({ ca })
      const leaf = leafTo(server.port, { identity })
      for (let round = 1; round <= 3; round++) {
        assert.equal((await new Sent(leaf).ended()).class, 'success')
        for (const each of server.sessions) each.close()
        await until(() => server.open() === 0, { what: 'the end of the connection' })
      }
      assert.deepEqual(server.resumed, [false, false, false])
      identity.denied.add(ORDERS)
      const banned = await new Sent(leaf).ended()
      assert.equal(banned.error?.code, 'TULLE_PEER', banned.error?.message)
      assert.match(banned.error?.message ?? '', /is banned/)
      assert.equal(server.streams(), 3)
    })
})

/** Its context has no certificate, or one of a CA that nobody knows. */
function unwelcome(certificate?: TestCa): TestIdentity {
  const identity = new TestIdentity({ ca })
  const svid = certificate?.issue({ service: 'web' })
  const context = createSecureContext({
    ca: ca.rootPem,
    ...(svid && { key: svid.keyPem, cert: svid.certPem }),
  })
  identity.current = { ...identity.current!, context }
  return identity
}

describe('a peer that refuses our certificate', () => {
  test('FAULTS 43: by an alert after a TLS 1.3 handshake: the call it cannot have read is unsent, and the reason is named', async () => {
    for (let round = 0; round < 5; round++) {
      const server = kept(await serveTls({ svid: ca.issue(), ca, more: H2 }))
      const leaf = leafTo(Number(server.address.split(':')[1]), { identity: unwelcome() })
      const { error, unsent, condition } = await new Sent(leaf).ended()
      assert.deepEqual([error?.code, unsent, condition], ['TULLE_TLS', true, 'connect-failure'])
      assert.match(error?.message ?? '', /refused our certificate: it demands one and got none/)
      assert.equal(server.delivered(), 0)
    }
  })

  test('FAULTS 43: in TLS 1.2 the handshake fails with it', async () => {
    const server = kept(await serveTls({ svid: ca.issue(), ca, more: { ...H2, maxVersion: 'TLSv1.2' } }))
    const leaf = leafTo(Number(server.address.split(':')[1]), { identity: unwelcome() })
    const { error, unsent } = await new Sent(leaf).ended()
    assert.deepEqual([error?.code, unsent], ['TULLE_TLS', true], error?.message)
    assert.match(error?.message ?? '', /wants a certificate and got none/)
  })

  test('FAULTS 43: where it only closes, what may be the matter is said, and the call is unsent only where no HTTP/2 was spoken', async () => {
    for (let round = 0; round < 5; round++) {
      const server = kept(await serveTls({ svid: ca.issue(), ca, more: H2 }))
      const leaf = leafTo(Number(server.address.split(':')[1]), { identity: unwelcome(TestCa.create()) })
      const { error, unsent } = await new Sent(leaf).ended()
      assert.match(error?.message ?? '', /refuses our certificate/)
      assert.equal(unsent, error?.code === 'TULLE_TLS', error?.message)
      assert.equal(server.delivered(), 0)
    }
  })
})

describe('trust that ends', () => {
  const held: ServerHttp2Stream[] = []
  const hold = (stream: ServerHttp2Stream): void => {
    held.push(stream)
    stream.resume()
    stream.respond(GRPC_HEADERS)
  }
  const changes: readonly (readonly [string, (identity: TestIdentity) => void])[] = [
    ['its root is gone', (identity) => identity.trust([other.root])],
    ['it is banned', (identity) => identity.denied.add(ORDERS)],
  ]
  const other = TestCa.create()
  for (const [what, change] of changes)
    test(`FAULTS 36, 44: ${what}: what runs ends at once, at this peer and at no other`, async () => {
      const mine = await secureH2(ca, hold)
      // The roots of both are known; only this one is of the other.
      const theirs = await secureH2(other, hold, {
        issue: { service: 'billing' },
        more: { ca: [ca.rootPem] },
      })
      const identity = new TestIdentity({ ca })
      identity.trust([ca.root, other.root])
      const id = identity.idOf('billing')
      const doomed = new Sent(leafTo(mine.port, { identity }))
      const spared = new Sent(
        leafTo(theirs.port, { identity, spec: id === undefined ? {} : { identity: id } }),
      )
      for (const sent of [doomed, spared])
        await until(() => sent.wire.heard.length === 1, {
          what: 'the head',
          seen: () => sent.outcome?.error?.message,
        })
      change(identity)
      identity.tell('trust')
      assert.deepEqual(
        [doomed.outcome?.condition, doomed.outcome?.error?.code, doomed.outcome?.unsent],
        ['reset', 'TULLE_RESET', false],
      )
      assert.match(doomed.outcome?.error?.message ?? '', /banned|root of the peer/)
      await until(() => mine.open() === 0, { what: 'the end of the connection' })
      assert.equal(spared.outcome, undefined)
      const stream = held.at(-1)!
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      stream.end()
      spared.cancel({ kind: 'caller', error: new Error('done') })
    })

  test('FAULTS 36: a peer whose certificate expires under a running call keeps it; the next handshake is refused', async () => {
    const server = await secureH2(ca, hold, { issue: { lifetimeMs: 1500 } })
    const identity = new TestIdentity({ ca })
    const leaf = leafTo(server.port, { identity })
    const running = new Sent(leaf)
    await until(() => running.wire.heard.length === 1, { what: 'the head' })
    await delay(1600)
    assert.equal(running.outcome, undefined)
    identity.tell('trust')
    const next = await new Sent(leaf).ended()
    assert.equal(next.error?.code, 'TULLE_PEER', next.error?.message)
    assert.match(next.error?.message ?? '', /has expired/)
    running.cancel({ kind: 'caller', error: new Error('done') })
  })

  test('our own certificate is over: refused without connecting', async () => {
    const server = await secureH2(ca)
    const identity = new TestIdentity({ ca })
    identity.take(ca, { lifetimeMs: -1 })
    const sent = new Sent(leafTo(server.port, { identity }))
    const { outcome } = sent
    assert.deepEqual(
      [outcome?.error?.code, outcome?.error?.refusal, outcome?.class, outcome?.unsent],
      ['TULLE_IDENTITY_EXPIRED', true, 'ignored', true],
    )
    await delay(20)
    assert.equal(server.shown.length, 0)
  })
})
