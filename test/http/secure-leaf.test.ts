import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { type Dispatcher, request } from 'undici'
import { isMeshError, type MeshError } from '../../src/core/errors.ts'
import { TestCa, wrongKinds } from '../kit/certificates.ts'
import { Harness, type HarnessOptions, serveTcp } from '../kit/http-harness.ts'
import { TestIdentity } from '../kit/test-identity.ts'
import { serveHttps, serveTls, type TlsServerOptions } from '../kit/tls-server.ts'
import { delay } from '../kit/wait.ts'

const ca = TestCa.create()
const closing: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one.close()
})
const kept = <T extends { close(): Promise<void> }>(one: T): T => {
  closing.push(one)
  return one
}
const mesh = (options: HarnessOptions): Harness =>
  kept(
    new Harness({
      wall: Date.now,
      ...options,
      secure: { identity: new TestIdentity({ ca }), ...options.secure },
    }),
  )
const https = async (options: Partial<TlsServerOptions> = {}, answer = 'hello') =>
  kept(await serveHttps({ svid: ca.issue(), ca, ...options }, (_req, res) => res.end(answer)))
const get = (h: Harness, options: object = {}): Promise<Dispatcher.ResponseData<unknown>> =>
  request('http://orders.mesh/', { dispatcher: h.dispatcher, ...options })
const text = async (h: Harness, options: object = {}): Promise<string> => (await get(h, options)).body.text()
const failure = (promise: Promise<unknown>): Promise<MeshError> =>
  promise.then(
    () => assert.fail('it did not fail'),
    (error: unknown) => {
      assert.ok(isMeshError(error), String(error))
      return error
    },
  )
const ends = (h: Harness) => {
  const { class: verdict, condition, unsent, committed } = h.last.end!
  return [verdict, condition, unsent, committed]
}
const UNSENT = ['failure', 'connect-failure', true, false]

describe('a call over mutual TLS', () => {
  test('goes out under TLS 1.3 with our certificate and no name, one connection for calls in turn, by http: and https: alike', async () => {
    const seen: string[] = []
    const server = kept(
      await serveHttps({ svid: ca.issue(), ca }, (req, res) => {
        const { socket } = req as unknown as { socket: import('node:tls').TLSSocket }
        const { subjectaltname } = socket.getPeerCertificate()
        seen.push(`${socket.getProtocol()} ${socket.alpnProtocol} ${subjectaltname} ${req.headers.host}`)
        res.end('hello')
      }),
    )
    const h = mesh({ endpoints: [server.address] })
    assert.equal(await text(h), 'hello')
    // Long enough for undici to take the connection back.
    await delay(5)
    const secure = await request('https://orders.mesh/', {
      dispatcher: h.dispatcher,
      method: 'POST',
      body: 'x',
    })
    assert.equal(await secure.body.text(), 'hello')
    const line = 'TLSv1.3 http/1.1 URI:spiffe://test.example/ns/default/dc/dc1/svc/web orders.mesh'
    assert.deepEqual(seen, [line, line])
    assert.deepEqual([server.connections(), server.names], [1, [false]])
  })

  test('speaks TLS 1.2 to a peer that has nothing newer', async () => {
    const server = await https({ more: { maxVersion: 'TLSv1.2' } })
    assert.equal(await text(mesh({ endpoints: [server.address] })), 'hello')
  })

  test('demands the identity that the endpoint itself names', async () => {
    const id = 'spiffe://test.example/ns/default/dc/dc2/svc/elsewhere'
    const server = await https({ svid: ca.issue({ uris: [id] }) })
    assert.equal(await text(mesh({ endpoints: [server.address], spec: { identity: id } })), 'hello')
    const error = await failure(get(mesh({ endpoints: [server.address] })))
    assert.equal(error.code, 'TULLE_PEER')
  })

  test('is refused before anything is sent while there is no certificate, or ours is over, or who is meant is unknown', async () => {
    const server = await https()
    const identity = new TestIdentity({ ca, bare: true })
    const h = mesh({ endpoints: [server.address], secure: { identity } })
    assert.equal((await failure(get(h))).code, 'TULLE_IDENTITY')
    identity.take(ca)
    assert.equal(await text(h), 'hello')
    const over = new TestIdentity({ ca })
    over.take(ca, { lifetimeMs: -1 })
    const late = mesh({ endpoints: [server.address], secure: { identity: over } })
    const expired = await failure(get(late))
    assert.deepEqual([expired.code, expired.refusal], ['TULLE_IDENTITY_EXPIRED', true])
    assert.deepEqual(ends(late), ['ignored', undefined, true, false])
    const odd = Object.assign(new TestIdentity({ ca }), { idOf: () => undefined })
    const unknown = await failure(get(mesh({ endpoints: [server.address], secure: { identity: odd } })))
    assert.deepEqual([unknown.code, unknown.refusal], ['TULLE_IDENTITY', true])
    assert.match(unknown.hint, /Give the endpoints of the service their `identity`/)
    assert.equal(server.connections(), 1)
  })

  test('a registry that says plaintext is not followed', async () => {
    let bytes = 0
    const server = kept(await serveTcp((socket) => socket.on('data', (chunk) => (bytes += chunk.length))))
    const h = mesh({ endpoints: [server.address], spec: { mtls: 'disable' } })
    const error = await failure(get(h))
    assert.deepEqual(
      [error.code, error.endpoint, error.service],
      ['TULLE_PLAINTEXT_REFUSED', server.address, 'orders'],
    )
    assert.deepEqual([server.connections(), bytes], [0, 0])
    assert.deepEqual(ends(h), UNSENT)
  })

  test('one endpoint without TLS among good ones costs no call: nothing was sent, so another is asked', async () => {
    const plain = kept(await serveTcp(() => assert.fail('it was connected to')))
    const good = await https()
    const h = mesh({
      endpoints: [plain.address, good.address],
      specs: { [plain.address]: { mtls: 'disable' } },
      attempts: 2,
    })
    assert.equal(await text(h, { method: 'POST', body: 'once' }), 'hello')
    const [first] = h.reports
    assert.deepEqual(
      [first?.end?.error?.code, first?.end?.error?.refusal],
      ['TULLE_PLAINTEXT_REFUSED', false],
    )
  })
})

const WORDS: Readonly<Record<string, RegExp>> = {
  expired: /has expired/,
  'not yet valid': /not yet valid/,
  'wrong EKU': /not meant for servers \(extended key usage\)/,
  'self-signed': /self-signed/,
}

describe('a peer that is not who was meant', () => {
  for (const { kind, options, reason } of wrongKinds()) {
    test(`FAULTS 41: ${kind}: refused with its own reason, and no byte of the call is delivered`, async () => {
      const server = kept(await serveTls({ svid: ca.issue(options), ca }))
      const h = mesh({ endpoints: [server.address], attempts: 1 })
      const error = await failure(get(h, { method: 'POST', body: 'secret' }))
      assert.equal(error.code, 'TULLE_PEER')
      assert.match(error.message, WORDS[kind] ?? reason)
      assert.ok(error.message.startsWith(`orders: ${server.address} `), error.message)
      assert.deepEqual(ends(h), UNSENT)
      assert.equal(error.refusal, false)
      await delay(20)
      assert.equal(server.delivered(), 0)
    })
  }

  test('FAULTS 41: an unknown CA is refused as such, and an unsent POST goes to the next endpoint', async () => {
    const stranger = TestCa.create()
    const wrong = kept(await serveTls({ svid: stranger.issue(), ca }))
    const right = await https()
    const h = mesh({ endpoints: [wrong.address, right.address], attempts: 2 })
    assert.equal(await text(h, { method: 'POST', body: 'once' }), 'hello')
    const error = h.reports[0]!.end!.error!
    assert.deepEqual([error.code, wrong.delivered()], ['TULLE_PEER', 0])
    assert.match(error.message, /unknown CA/)
  })
})

describe('a handshake that fails', () => {
  test('FAULTS 42: TLS to a plaintext port fails within a second, says so, and nothing of the call is sent, then or later', async () => {
    const heard: Buffer[] = []
    const server = kept(
      await serveTcp((socket) =>
        socket.on('data', (chunk) => {
          heard.push(chunk)
          socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n')
        }),
      ),
    )
    const h = mesh({ endpoints: [server.address], attempts: 3 })
    const started = performance.now()
    const error = await failure(get(h, { method: 'POST', headers: { 'x-secret': 'sesame' }, body: 'sesame' }))
    assert.ok(performance.now() - started < 1000)
    assert.equal(error.code, 'TULLE_TLS')
    assert.match(error.message, /speaks plaintext/)
    assert.deepEqual(ends(h), UNSENT)
    const all = Buffer.concat(heard).toString('latin1')
    assert.equal(heard.length, 3)
    for (const chunk of heard) assert.equal(chunk[0], 0x16, 'a handshake record and nothing else')
    assert.ok(!all.includes('HTTP/1.1') && !all.includes('sesame'))
  })

  test('a peer that closes, and one that stays silent, are told apart from a port that nobody listens on', async () => {
    const closer = kept(await serveTcp((socket) => socket.once('data', () => socket.destroy())))
    const shut = await failure(get(mesh({ endpoints: [closer.address] })))
    assert.equal(shut.code, 'TULLE_TLS')
    assert.match(shut.message, /closed the connection in the middle of the handshake/)
    const silent = kept(await serveTcp(() => {}))
    const h = mesh({ endpoints: [silent.address], connectTimeoutMs: 60 })
    const late = await failure(get(h))
    assert.equal(late.code, 'TULLE_CONNECT_TIMEOUT')
    assert.match(late.message, /accepted a connection, but no TLS handshake in time/)
    assert.deepEqual(ends(h), UNSENT)
    const gone = await failure(get(mesh({ endpoints: ['127.0.0.1:1'] })))
    assert.equal(gone.code, 'TULLE_CONNECT')
  })

  test('a peer without a version of TLS that we accept is named so', async () => {
    const server = kept(
      await serveTls({
        svid: ca.issue(),
        ca,
        more: { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
      }),
    )
    const error = await failure(get(mesh({ endpoints: [server.address] })))
    assert.equal(error.code, 'TULLE_TLS')
    assert.match(error.message, /no version of TLS that we accept/)
  })
})
