import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { connect as connectPlain } from 'node:net'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { createServe, type MeshServer, type ServeOptions } from '../../src/server/http.ts'
import type { MeshRequest } from '../../src/server/mesh-request.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { inboundContract } from '../contract/inbound.ts'
import { TestCa, wrongKinds } from '../kit/certificates.ts'
import { type InboundHarness, inboundHarness } from '../kit/inbound-harness.ts'
import { get, rawExchange } from '../kit/raw-http.ts'
import type { TestIdentity } from '../kit/test-identity.ts'
import {
  clientOf,
  harden,
  servedOverTls,
  servingIdentity,
  silentSocket,
  talk,
  withIdentity,
} from '../kit/tls-inbound.ts'
import { delay, until, within } from '../kit/wait.ts'

inboundContract(servedOverTls)

interface Scene {
  readonly server: MeshServer
  readonly port: number
  readonly ca: TestCa
  readonly identity: TestIdentity
  readonly harness: InboundHarness
  readonly good: ConnectionOptions
  readonly logged: { message: string; reason?: string; code?: string }[]
  readonly told: { name: string; payload: any }[]
  readonly requests: MeshRequest[]
}

async function scene(
  options: ServeOptions,
  run: (scene: Scene) => Promise<void>,
  more: { clock?: ManualClock; wall?: () => number } = {},
): Promise<void> {
  const ca = TestCa.create()
  const identity = servingIdentity(ca, more.wall)
  const harness = inboundHarness(more.clock === undefined ? {} : { clock: more.clock })
  const logged: Scene['logged'] = []
  const told: Scene['told'] = []
  const note = (message: string, fields?: object): void => void logged.push({ message, ...fields })
  const runtime = {
    ...harness.runtime,
    wall: more.wall ?? Date.now,
    log: { debug: () => {}, info: note, warn: note, error: note },
    events: {
      ...harness.runtime.events,
      wants: () => true,
      emit: (name: string, payload: unknown) => void told.push({ name, payload }),
    },
  }
  const requests: MeshRequest[] = []
  const server = await createServe(withIdentity(runtime, identity, 'strict'))(
    (req, res) => {
      requests.push(req.mesh!)
      if (req.url === '/hold') res.write('held')
      else res.end(`fine ${req.url}`)
    },
    { signals: false, host: '127.0.0.1', ...options },
  )
  try {
    const good = clientOf(ca, ca.issue())
    await run({ server, port: server.port, ca, identity, harness, good, logged, told, requests })
  } finally {
    await server.close({ graceMs: 0 })
    assert.equal(identity.listeners.size, 0, 'nobody listens to the identity any more')
  }
}

const keep = (target: string, ...headers: string[]): string =>
  `GET ${target} HTTP/1.1\r\nhost: web\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`

/** A connection that stays, and what came over it. */
async function conversation(port: number, options: ConnectionOptions) {
  const socket: TLSSocket = connect({ ...options, port })
  let text = ''
  let closed = false
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
  })
  socket.on('close', () => {
    closed = true
  })
  await new Promise((resolve) => socket.once('secureConnect', resolve))
  return {
    socket,
    text: () => text,
    closed: () => closed,
    async ask(target: string, ...headers: string[]): Promise<string> {
      const before = text.length
      socket.write(keep(target, ...headers))
      await until(() => closed || /\r\n\r\n.+/s.test(text.slice(before)), { what: `the answer to ${target}` })
      return text.slice(before)
    },
  }
}

test('a verified peer is known by id, service and address, and strict says https', () =>
  scene({}, async ({ server, port, good, requests, harness }) => {
    const { text, protocol } = await talk(port, good, get('/'))
    assert.match(text, /^HTTP\/1\.1 200.*fine \/$/s)
    assert.equal(protocol, 'TLSv1.3')
    assert.deepEqual(requests[0]?.peer, {
      id: 'spiffe://test.example/ns/default/dc/dc1/svc/orders',
      service: 'orders',
      address: '127.0.0.1',
    })
    assert.equal(server.url, `https://127.0.0.1:${port}`)
    const listener = { host: '127.0.0.1', port, protocol: 'http', mtls: 'strict' }
    assert.deepEqual([...harness.servers][0]?.listener, listener)
  }))

test('FAULTS 41, incidents 14, 16, 17: every wrong certificate is refused with its own reason and delivers nothing', () =>
  scene({}, async ({ port, ca, logged, requests, harness, told }) => {
    const kinds = wrongKinds().filter(({ reason }) => !String(reason).includes('billing'))
    assert.ok(kinds.length >= 9)
    for (const { kind, options, reason } of kinds)
      for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
        const before = told.length
        const { text } = await talk(port, { ...clientOf(ca, ca.issue(options)), maxVersion }, get('/'))
        assert.equal(text, '', kind)
        await until(() => told.length > before, { what: `the refusal of ${kind}` })
        assert.deepEqual(
          [told[before]?.name, reason.test(told[before]?.payload.reason)],
          ['connection-refused', true],
          `${kind}: ${told[before]?.payload.reason}`,
        )
      }
    assert.deepEqual([requests.length, harness.seen.length], [0, 0])
    // Each kind once, however often it came.
    assert.equal(logged.length, new Set(logged.map(({ reason }) => reason)).size)
    assert.equal(logged.length, kinds.length)
  }))

test('FAULTS 42: strict answers plaintext with a clear refusal at once, and nothing reaches the application', () =>
  scene({}, async ({ port, requests, harness, told, logged }) => {
    const started = performance.now()
    const answer = await rawExchange(port, get('/secret'))
    assert.ok(performance.now() - started < 1000)
    assert.deepEqual([answer.status, answer.headers.get('x-tulle-refused')], [426, 'TULLE_PLAINTEXT_REFUSED'])
    assert.match(answer.headers.get('connection') ?? '', /close/)
    assert.deepEqual([requests.length, harness.seen.length], [0, 0])
    assert.equal(told[0]?.payload.reason, 'TULLE_PLAINTEXT_REFUSED')
    assert.deepEqual(logged, [
      {
        message: 'refused a connection',
        reason: 'The peer came in plaintext.',
        code: 'TULLE_PLAINTEXT_REFUSED',
        address: '127.0.0.1',
      },
    ])
    assert.match(JSON.parse(answer.body).hint, /through the mesh/)
    for (let turn = 0; turn < 5; turn++) await rawExchange(port, get('/secret'))
    assert.equal(logged.length, 1, 'strangers do not fill the log')
  }))

test('FAULTS 42: TLS to a plaintext listener ends at once and is never taken for a request', () =>
  scene({ mtls: 'disable' }, async ({ port, good, requests }) => {
    const started = performance.now()
    const { text, error } = await talk(port, good, get('/'))
    assert.ok(performance.now() - started < 1000)
    assert.deepEqual([text, requests.length], ['', 0])
    assert.notEqual(error, undefined)
  }))

test('FAULTS 43: no certificate is answered with an alert, another key than the certificate names ends as well', () =>
  scene({}, async ({ port, ca, requests, told }) => {
    const none = await talk(port, clientOf(ca), get('/'))
    assert.match(none.error ?? '', /CERTIFICATE_REQUIRED/)
    const other = TestCa.create()
    await talk(port, clientOf(ca, other.issue()), get('/'))
    await until(() => told.length === 2, { what: 'both refusals' })
    assert.match(told[0]?.payload.reason, /showed no certificate/)
    assert.match(told[1]?.payload.reason, /none of the roots/)
    assert.equal(requests.length, 0)
  }))

test('FAULTS 44, incident 15: a session that is offered gets a full handshake, in TLS 1.2 and 1.3', () =>
  scene({}, async ({ port, good, requests }) => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const first = await talk(port, { ...good, maxVersion }, get('/'))
      assert.ok(first.session, 'something to offer')
      const second = await talk(port, { ...good, maxVersion, session: first.session }, get('/'))
      assert.deepEqual([second.reused, second.protocol], [false, maxVersion])
      assert.match(second.text, /200/)
    }
    assert.ok(requests.every(({ peer }) => peer.id !== undefined))
  }))

test('FAULTS 44, incident 15: a context that does resume is refused rather than believed', () =>
  scene({}, async ({ port, good, identity, ca, requests }) => {
    identity.take(ca)
    const first = await talk(port, good, get('/'))
    await talk(port, { ...good, session: first.session! }, get('/'))
    assert.equal(requests.length, 1)
  }))

test('FAULTS 45, incidents 26, 27, 36: a thousand bad handshakes leave no descriptor behind while good clients are served', () =>
  scene({ limits: { handshakeTimeoutMs: 500 } }, async ({ port, good, ca, requests }) => {
    const open = (): number => readdirSync('/proc/self/fd').length
    await talk(port, good, get('/'))
    const before = open()
    const hello = Buffer.from('160301020001000001fc0303', 'hex')
    const kinds: (() => Promise<unknown>)[] = [
      () => raw(port, hello),
      () => raw(port, Buffer.from([0x16, 0, 0, 0, 0, 255, 255, 255])),
      () => raw(port, Buffer.concat([hello, Buffer.alloc(600, 0xff)])),
      () => raw(port, Buffer.alloc(0)),
      () => talk(port, { ...good, ALPNProtocols: ['h3'] }, ''),
      () => talk(port, clientOf(ca), ''),
      () => talk(port, { ...good, servername: `${'a'.repeat(60)}.${'b'.repeat(60)}` }, get('/')),
      () => talk(port, { ...good, servername: '*.__proto__.\u00e4' }, get('/')),
    ]
    let slowest = 0
    // A thousand instead of the ten thousand of a soak, so that this stays within seconds.
    for (let round = 0; round < 25; round++) {
      const bad = Array.from({ length: 40 }, (_, at) => kinds[at % kinds.length]!())
      const started = performance.now()
      assert.match((await talk(port, good, get('/good'))).text, /fine \/good/)
      slowest = Math.max(slowest, performance.now() - started)
      if (round % 5 === 4) await within(Promise.all(bad), 5000, 'the end of what is bad')
    }
    assert.ok(slowest < 2000, `a good client waited ${slowest} ms`)
    await until(() => open() <= before + 8, { what: 'descriptors to be given back', seen: open })
    assert.ok(requests.length >= 26)
  }))

test('a client that refuses our certificate and leaves is let go at once, and the log says that it left', () =>
  scene({ limits: { handshakeTimeoutMs: 60_000 } }, async ({ port, ca, logged }) => {
    const { error } = await talk(port, clientOf(TestCa.create(), ca.issue()), get('/'))
    assert.equal(error, 'SELF_SIGNED_CERT_IN_CHAIN')
    await until(() => logged.length > 0, { what: 'the refusal in the log' })
    assert.equal(logged[0]?.reason, 'The peer went away in the middle of the handshake.')
  }))

test('silent sockets, half handshakes and dripping ones are ended in time', () =>
  scene({ limits: { handshakeTimeoutMs: 500 } }, async ({ port }) => {
    const started = performance.now()
    const drip = silentSocket(port)
    drip.resume()
    const hello = Buffer.from('160301020001000001fc0303', 'hex')
    let at = 0
    const timer = setInterval(() => drip.writable && drip.write(Buffer.from([hello[at++] ?? 7])), 25)
    const ends = [raw(port, Buffer.alloc(0)), raw(port, hello), new Promise((end) => drip.once('close', end))]
    await within(Promise.all(ends), 3000, 'their ends')
    clearInterval(timer)
    assert.ok(performance.now() - started < 1500)
  }))

test('permissive takes both by the first byte, and counts who comes in plaintext', () =>
  scene({ mtls: 'permissive' }, async ({ server, port, good, requests, told }) => {
    assert.equal((await rawExchange(port, get('/', 'x-tulle-id: spiffe://test.example/x'))).status, 200)
    assert.match((await talk(port, good, get('/'))).text, /200/)
    assert.deepEqual(
      requests.map(({ peer }) => peer.service),
      [undefined, 'orders'],
    )
    assert.equal(requests[0]?.peer.id, undefined)
    const plain = told.filter(({ name }) => name === 'plaintext-request')
    assert.deepEqual(
      plain.map(({ payload }) => payload),
      [{ peer: '127.0.0.1' }],
    )
    assert.equal(server.url, `http://127.0.0.1:${port}`)
  }))

test('FAULTS 42: in permissive mode a failed handshake is never continued in plaintext', () =>
  scene({ mtls: 'permissive' }, async ({ port, ca, requests }) => {
    const { text } = await talk(port, clientOf(ca), get('/'))
    assert.deepEqual([text, requests.length], ['', 0])
  }))

test('FAULTS 46: at a public door nobody speaks for the mesh, and a peer is an address', () =>
  scene({ mtls: 'disable' }, async ({ server, port, requests, harness }) => {
    const answer = await rawExchange(
      port,
      get(
        '/',
        'x-envoy-expected-rq-timeout-ms: 1',
        'grpc-timeout: 1m',
        'x-tulle-previous-attempts: 2',
        'x-forwarded-client-cert: URI=spiffe://test.example/x',
        'baggage: a=1',
      ),
    )
    assert.equal(answer.status, 200)
    const [{ peer, deadline, previousAttempts }] = requests as [MeshRequest]
    assert.deepEqual(
      [peer, deadline, previousAttempts],
      [{ address: '127.0.0.1', public: true }, undefined, 0],
    )
    assert.equal(harness.seen[0]?.call.ambient.baggage, undefined)
    assert.equal(server.url, `http://127.0.0.1:${port}`)
    assert.equal([...harness.servers][0]?.listener?.mtls, 'disable')
  }))

test('FAULTS 46: what a peer says of itself or of others changes nothing: identity is the socket’s', () =>
  scene({}, async ({ port, good, requests }) => {
    const lies = ['x-forwarded-client-cert: URI=spiffe://x/y', 'x-tulle-peer: admin', 'client-cert: :aGk=:']
    await talk(port, good, get('/', ...lies, 'connection: x-tulle-peer'))
    assert.equal(requests[0]?.peer.service, 'orders')
  }))

test('a change of trust ends every connection of who lost it at once, streams included, and no other', () =>
  scene({}, async ({ port, ca, good, identity, logged }) => {
    const banned = await conversation(port, clientOf(ca, ca.issue({ service: 'billing' })))
    const kept = await conversation(port, good)
    await banned.ask('/hold')
    await kept.ask('/')
    identity.denied.add('spiffe://test.example/ns/default/dc/dc1/svc/billing')
    identity.tell('trust')
    await until(banned.closed, { what: 'the end of the banned' })
    assert.match(await kept.ask('/after'), /fine \/after/)
    assert.match(logged[0]?.reason ?? '', /banned/)
    assert.equal((await talk(port, clientOf(ca, ca.issue({ service: 'billing' })), get('/'))).text, '')
    kept.socket.destroy()
  }))

test('FAULTS 44: once a root is gone what it signed is refused, open or new, and what is new is accepted', () =>
  scene({}, async ({ port, good, identity }) => {
    const old = await conversation(port, good)
    await old.ask('/')
    const next = TestCa.create()
    identity.trust([next.root])
    identity.take(next)
    harden(identity)
    identity.tell('trust')
    await until(old.closed, { what: 'the end of the old' })
    assert.equal((await talk(port, { ...good, ca: next.rootPem }, get('/'))).text, '')
    assert.match((await talk(port, clientOf(next, next.issue()), get('/'))).text, /200/)
  }))

test('a peer that became unacceptable without a word is refused at its next request, and its connection ends', () =>
  scene({}, async ({ port, good, identity, requests }) => {
    const open = await conversation(port, good)
    await open.ask('/')
    identity.denied.add('spiffe://test.example/ns/default/dc/dc1/svc/orders')
    const answer = await open.ask('/')
    assert.match(answer, /^HTTP\/1\.1 403.*TULLE_PEER/s)
    await until(open.closed, { what: 'the end' })
    assert.equal(requests.length, 1)
  }))

test('when our own certificate is over nobody is served, and the answer names the expiry', () => {
  let now = Date.now()
  return scene(
    {},
    async ({ port, good, identity, requests }) => {
      const open = await conversation(port, good)
      await open.ask('/')
      now = identity.current!.notAfterMs + 1
      assert.match(await open.ask('/'), /^HTTP\/1\.1 503.*TULLE_IDENTITY_EXPIRED/s)
      assert.equal((await talk(port, good, get('/'))).text, '')
      assert.equal(requests.length, 1)
    },
    { wall: () => now },
  )
})

test('before the first certificate no handshake is made, and the log says why', () =>
  scene({}, async ({ port, good, identity, logged }) => {
    identity.current = undefined
    assert.equal((await talk(port, good, get('/'))).text, '')
    assert.match(logged[0]?.reason ?? '', /no certificate yet/)
  }))

test('FAULTS 36: after a renewal new handshakes use the new certificate, and old connections end one by one, with an answer', () => {
  const clock = new ManualClock()
  return scene(
    {},
    async ({ port, good, identity, ca }) => {
      const old = await conversation(port, good)
      assert.doesNotMatch(await old.ask('/'), /connection: close/i)
      const serial = old.socket.getPeerCertificate().serialNumber
      identity.take(ca)
      harden(identity)
      identity.tell('renewed')
      const fresh = await conversation(port, good)
      assert.notEqual(fresh.socket.getPeerCertificate().serialNumber, serial)
      assert.doesNotMatch(await old.ask('/'), /connection: close/i)
      // Chance is 0.5 here: half of the ten minutes.
      clock.advance(299_000)
      assert.doesNotMatch(await old.ask('/'), /connection: close/i)
      clock.advance(2000)
      assert.match(await old.ask('/'), /^HTTP\/1\.1 200.*connection: close/is)
      await until(old.closed, { what: 'the end of the old' })
      assert.doesNotMatch(await fresh.ask('/'), /connection: close/i)
      clock.advance(3_600_000)
      assert.match(await fresh.ask('/'), /connection: close/i)
    },
    { clock },
  )
})

test('a connection ends long before a short certificate of its peer does', () => {
  const clock = new ManualClock()
  return scene(
    {},
    async ({ port, ca }) => {
      const open = await conversation(port, clientOf(ca, ca.issue({ lifetimeMs: 20_000 })))
      assert.doesNotMatch(await open.ask('/'), /connection: close/i)
      clock.advance(13_000)
      assert.match(await open.ask('/'), /connection: close/i)
    },
    { clock },
  )
})

test('FAULTS 62: a drain over TLS answers all that is in flight and then closes', () =>
  scene({}, async ({ server, port, good, requests }) => {
    const open = await Promise.all(Array.from({ length: 10 }, () => conversation(port, good)))
    await Promise.all(open.map((one) => one.ask('/first')))
    const last = open.map((one) => one.ask('/last'))
    await until(() => requests.length === 20, { what: 'all to arrive' })
    const closing = server.close({ graceMs: 5000 })
    for (const answer of await Promise.all(last)) assert.match(answer, /200.*fine \/last/s)
    await within(closing, 3000, 'the close')
    for (const { closed } of open) await until(closed, { what: 'the end of each' })
  }))

test('a change of trust reaches what is still open while the server drains and no longer listens', () =>
  scene({}, async ({ server, port, ca, identity }) => {
    const banned = await conversation(port, clientOf(ca, ca.issue({ service: 'billing' })))
    await banned.ask('/hold')
    const closing = server.close({ graceMs: 60_000 })
    const refused = (): Promise<boolean> =>
      new Promise((resolve) => {
        const late = connectPlain(port, '127.0.0.1')
        late.once('error', () => resolve(true))
        late.once('connect', () => {
          late.destroy()
          resolve(false)
        })
      })
    await until(refused, { what: 'the end of the listening' })
    assert.equal(banned.closed(), false)
    identity.denied.add('spiffe://test.example/ns/default/dc/dc1/svc/billing')
    identity.tell('trust')
    await until(banned.closed, { what: 'the end of the banned' })
    await within(closing, 3000, 'the close')
    assert.equal(identity.listeners.size, 0)
  }))

test('FAULTS 62: a handshake that has begun when a drain does is let to its end, and its request is served', () =>
  scene({}, async ({ server, port, good }) => {
    const plain = connectPlain(port, '127.0.0.1')
    await new Promise((resolve) => plain.once('connect', resolve))
    const held: Buffer[] = []
    let through = false
    // The client's TLS speaks through a pipe that is shut after its first words.
    const pipe = new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        if (through || held.length === 0) plain.write(chunk)
        held.push(chunk)
        done()
      },
    })
    plain.on('data', (chunk) => pipe.push(chunk))
    plain.on('close', () => pipe.push(null))
    const late = connect({ ...good, socket: pipe })
    let text = ''
    late.on('error', () => {})
    late.on('data', (chunk) => {
      text += chunk.toString()
    })
    late.on('secureConnect', () => late.write(keep('/late')))
    await until(() => held.length >= 2, { what: 'the second flight of the client' })
    const closing = server.close({ graceMs: 5000 })
    await delay(250)
    through = true
    for (const chunk of held.slice(1)) plain.write(chunk)
    await until(() => text.includes('fine /late'), { what: 'the answer', seen: () => text })
    await within(closing, 3000, 'the close')
  }))

test('WebSocket upgrades work over TLS and carry the peer', async () => {
  const ca = TestCa.create()
  const { runtime } = inboundHarness()
  const peers: unknown[] = []
  const app = createHttpServer().on('upgrade', (req, socket) => {
    peers.push(req.mesh?.peer.service)
    socket.end('HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\nconnection: upgrade\r\n\r\nswitched')
  })
  const serve = createServe(withIdentity(runtime, servingIdentity(ca), 'strict'))
  const server = await serve(app, { signals: false })
  const { text } = await talk(
    server.port,
    clientOf(ca, ca.issue()),
    keep('/', 'connection: upgrade', 'upgrade: echo'),
  )
  await server.close({ graceMs: 0 })
  assert.match(text, /switched/)
  assert.deepEqual(peers, ['orders'])
})

test('TLS without an identity is a mistake that is named at serve', async () => {
  const { runtime } = inboundHarness()
  for (const mtls of ['strict', 'permissive'] as const)
    await assert.rejects(
      createServe(runtime)(() => {}, { mtls, signals: false }),
      {
        code: 'TULLE_CONFIG',
        message: /needs an identity/,
      },
    )
  await assert.rejects(
    createServe(runtime)(() => {}, { mtls: 'loose' as never }),
    {
      message: /strict, permissive, disable/,
    },
  )
})

function raw(port: number, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = connectPlain(port, '127.0.0.1', () => socket.write(bytes))
    socket.on('error', () => {})
    socket.resume()
    socket.once('close', () => resolve())
  })
}

test('a proxy that offers h2 alone, as Consul’s own does, is served what it carries; others must offer HTTP/1.1', () =>
  scene({}, async ({ port, good, requests }) => {
    const asked = async (...ALPNProtocols: string[]) => talk(port, { ...good, ALPNProtocols }, get('/'))
    assert.match((await asked('h2')).text, /fine \//)
    assert.match((await asked('h2', 'http/1.1')).text, /fine \//)
    const { error, text } = await asked('h3')
    assert.deepEqual([error, text], ['ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL', ''])
    assert.equal(requests.length, 2)
  }))
