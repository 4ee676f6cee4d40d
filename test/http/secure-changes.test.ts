import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterEach, describe, test } from 'node:test'
import { createSecureContext, type TLSSocket } from 'node:tls'
import { type Dispatcher, request } from 'undici'
import { isMeshError, type MeshError } from '../../src/core/errors.ts'
import type { Clock } from '../../src/core/ports.ts'
import { createHttpLeafFactory } from '../../src/http/leaf.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { TestCa } from '../kit/certificates.ts'
import { Harness, type HarnessOptions } from '../kit/http-harness.ts'
import { TestIdentity } from '../kit/test-identity.ts'
import { serveHttps, serveTls } from '../kit/tls-server.ts'
import { delay, until, within } from '../kit/wait.ts'

const ca = TestCa.create()
const MINUTE = 60_000
const ORDERS = 'spiffe://test.example/ns/default/dc/dc1/svc/orders'
const closing: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one.close()
})
const kept = <T extends { close(): Promise<void> }>(one: T): T => {
  closing.push(one)
  return one
}
const mesh = (options: HarnessOptions): Harness => kept(new Harness({ wall: Date.now, ...options }))
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
const hello = (_req: IncomingMessage, res: ServerResponse): void => void res.end('hello')
const closes = (_req: IncomingMessage, res: ServerResponse): void =>
  void res.setHeader('connection', 'close').end('hello')

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
  test('FAULTS 43: says so by an alert after a TLS 1.3 handshake, and the POST it cannot have read goes elsewhere', async () => {
    const strict = kept(await serveTls({ svid: ca.issue(), ca }))
    const lenient = kept(await serveHttps({ svid: ca.issue(), ca, more: { requestCert: false } }, hello))
    const h = mesh({
      endpoints: [strict.address, lenient.address],
      attempts: 2,
      secure: { identity: unwelcome() },
    })
    assert.equal(await text(h, { method: 'POST', body: 'once' }), 'hello')
    const { error, unsent, condition } = h.reports[0]!.end!
    assert.deepEqual([error?.code, unsent, condition], ['TULLE_TLS', true, 'connect-failure'])
    assert.match(error?.message ?? '', /refused our certificate: it demands one and got none/)
    assert.equal(strict.delivered(), 0)
  })

  test('FAULTS 43: in TLS 1.2 the handshake fails with it', async () => {
    const server = kept(await serveTls({ svid: ca.issue(), ca, more: { maxVersion: 'TLSv1.2' } }))
    const h = mesh({ endpoints: [server.address], secure: { identity: unwelcome() } })
    const error = await failure(get(h))
    assert.equal(error.code, 'TULLE_TLS')
    assert.match(error.message, /refused the handshake: .*wants a certificate and got none/)
    assert.equal(h.last.end?.unsent, true)
  })

  test('FAULTS 43: where it only closes, nothing is proved: a POST is not sent again, and the error says what it may be', async () => {
    const server = kept(await serveTls({ svid: ca.issue(), ca }))
    const other = kept(await serveHttps({ svid: ca.issue(), ca }, hello))
    const identity = unwelcome(TestCa.create())
    const h = mesh({ endpoints: [server.address, other.address], attempts: 2, secure: { identity } })
    const error = await failure(get(h, { method: 'POST', body: 'once' }))
    assert.equal(error.code, 'TULLE_RESET')
    assert.match(error.message, /so ends a peer that refuses our certificate/)
    assert.equal(h.reports.length, 1)
    assert.deepEqual([server.delivered(), other.delivered()], [0, 0])
  })
})

describe('what was believed once', () => {
  test('FAULTS 44: every connection makes a full handshake and is judged, also after the bundle changed or a peer was banned', async () => {
    for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
      const server = kept(await serveHttps({ svid: ca.issue(), ca, more: { maxVersion } }, closes))
      const identity = new TestIdentity({ ca })
      const h = mesh({ endpoints: [server.address], secure: { identity } })
      for (let call = 0; call < 3; call++) assert.equal(await text(h), 'hello')
      assert.deepEqual(server.resumed, [false, false, false])
      identity.denied.add(ORDERS)
      const banned = await failure(get(h))
      assert.deepEqual([banned.code, /is banned/.test(banned.message)], ['TULLE_PEER', true])
      identity.denied.clear()
      identity.trust([TestCa.create().root])
      const unknown = await failure(get(h))
      assert.deepEqual([unknown.code, /unknown CA/.test(unknown.message)], ['TULLE_PEER', true])
      const delivered = server.delivered()
      await delay(10)
      assert.equal(server.delivered(), delivered)
    }
  })

  test('FAULTS 30: an address that reappears as another service shares no connection with it and must prove the other identity', async () => {
    const server = kept(await serveHttps({ svid: ca.issue(), ca }, hello))
    const identity = new TestIdentity({ ca })
    const factory = createHttpLeafFactory({ clock: systemClock, wall: Date.now, identity })
    const orders = mesh({ endpoints: [server.address], factory })
    assert.equal(await text(orders), 'hello')
    const billing = mesh({ endpoints: [server.address], factory, service: 'billing' })
    const error = await failure(get(billing))
    assert.equal(error.code, 'TULLE_PEER')
    assert.match(error.message, /svc\/orders, where .*svc\/billing was meant/)
    assert.equal(await text(orders), 'hello')
    assert.deepEqual(server.resumed.filter(Boolean), [])
    assert.equal(server.connections(), 2)
  })

  test('a loss of trust cuts running calls to a peer that is no longer acceptable, and no others', async () => {
    const answering: ServerResponse[] = []
    const half = (_req: IncomingMessage, res: ServerResponse): void => {
      res.writeHead(200, { 'content-length': 9 }).write('hell')
      answering.push(res)
    }
    const server = kept(await serveHttps({ svid: ca.issue(), ca }, half))
    const identity = new TestIdentity({ ca })
    const h = mesh({ endpoints: [server.address], secure: { identity } })
    const first = await get(h)
    identity.denied.add('spiffe://test.example/ns/default/dc/dc1/svc/somebody')
    identity.tell('trust')
    answering[0]!.end('o bob')
    assert.equal(await first.body.text(), 'hello bob')
    const second = await get(h)
    identity.denied.add(ORDERS)
    identity.tell('trust')
    const error = await failure(second.body.text())
    assert.equal(error.code, 'TULLE_PEER')
    assert.match(error.message, /was cut: The peer .*svc\/orders is banned/)
    assert.equal(server.connections(), 2)
  })

  test('trust that is lost during a handshake counts', async () => {
    const server = kept(await serveHttps({ svid: ca.issue(), ca }, hello))
    const identity = new TestIdentity({ ca })
    const h = mesh({ endpoints: [server.address], secure: { identity } })
    const call = failure(get(h))
    identity.trust([TestCa.create().root])
    assert.match((await call).message, /The root of the peer .* is gone/)
    assert.equal(server.delivered(), 0)
  })
})

describe('connections age', () => {
  test('FAULTS 36: 100 renewals under load, each makes connections anew within its window, and no call is lost', async () => {
    const time = new ManualClock()
    // What is moved is the time of work in the background; handshakes are real and take real time.
    const clock: Clock = {
      now: () => time.now(),
      after: (ms, fn) => systemClock.after(ms, fn),
      background: (ms, fn) => time.background(ms, fn),
    }
    const start = Date.now() - time.now()
    const wall = (): number => start + time.now()
    const serials = new Set<string>()
    const server = kept(
      await serveHttps({ svid: ca.issue({ lifetimeMs: 30 * 86_400_000 }), ca }, (req, res) => {
        serials.add((req.socket as TLSSocket).getPeerCertificate().serialNumber)
        res.end('hello')
      }),
    )
    const identity = new TestIdentity({ ca, wall })
    const h = mesh({ endpoints: [server.address], clock, wall, secure: { identity, random: Math.random } })
    let stopped = false
    let calls = 0
    const lost: unknown[] = []
    const caller = async (): Promise<void> => {
      while (!stopped) {
        await text(h).then(
          () => calls++,
          (error: unknown) => lost.push(error),
        )
      }
    }
    const callers = Promise.all(Array.from({ length: 4 }, caller))
    try {
      for (let renewal = 1; renewal <= 100 && lost.length === 0; renewal++) {
        identity.take(ca)
        identity.tell('renewed')
        time.advance(10 * MINUTE)
        const { serialNumber } = new X509Certificate(identity.svid!.der)
        await until(() => serials.has(serialNumber), { what: `calls under certificate ${renewal}` })
      }
    } finally {
      stopped = true
      await callers
    }
    assert.deepEqual(lost, [])
    assert.ok(calls >= 100)
    assert.ok(server.connections() <= 101 * 5, `${server.connections()} connections for ${calls} calls`)
  })

  test('a renewal makes connections anew within ten minutes, or a quarter of what is left of a short life', async () => {
    for (const [lifetimeMs, windowMs] of [
      [86_400_000, 600_000],
      [20_000, 5000],
    ] as const) {
      const clock = new ManualClock()
      const start = Date.now() - clock.now()
      const wall = (): number => start + clock.now()
      const identity = new TestIdentity({ ca, wall })
      identity.take(ca, { lifetimeMs })
      const server = kept(await serveHttps({ svid: ca.issue(), ca }, hello))
      const h = mesh({ endpoints: [server.address], clock, wall, secure: { identity, random: () => 0.5 } })
      const call = async (): Promise<number> => {
        assert.equal(await text(h), 'hello')
        await delay(5)
        return server.connections()
      }
      assert.equal(await call(), 1)
      identity.take(ca, { lifetimeMs })
      identity.tell('renewed')
      clock.advance(windowMs / 2 - 1)
      assert.equal(await call(), 1)
      clock.advance(1)
      assert.equal(await call(), 2)
      await h.close()
      // The look at silent bodies, which all leaves share, is armed once more at most.
      clock.advance(MINUTE)
      assert.equal(clock.armed, 0)
    }
  })

  test('FAULTS 39: no connection outlives its greatest age, in use or not; what begins in time ends by itself', async () => {
    const clock = new ManualClock()
    const start = Date.now() - clock.now()
    const wall = (): number => start + clock.now()
    let stream: ServerResponse | undefined
    const server = kept(
      await serveHttps({ svid: ca.issue(), ca }, (req, res) => {
        if (req.method === 'GET') res.end('hello')
        else stream = res.writeHead(200, { 'content-type': 'text/event-stream' })
        stream?.write('data: 0\n\n')
      }),
    )
    const identity = new TestIdentity({ ca, wall })
    const h = mesh({ endpoints: [server.address], clock, wall, secure: { identity, random: () => 0.5 } })
    const { body } = await get(h, { method: 'POST' })
    let heard = 0
    const reading = (async () => {
      for await (const chunk of body) heard += (chunk as Buffer).length
    })()
    const ended = failure(reading)
    for (let minute = 0; minute < 59; minute++) {
      const before = heard
      stream!.write('data: 1\n\n')
      await until(() => heard > before, { what: 'the next event' })
      clock.advance(MINUTE)
      if (minute === 53) assert.equal(await text(h), 'hello')
    }
    assert.equal(server.connections(), 2)
    await delay(5)
    assert.equal(await text(h), 'hello')
    assert.equal(server.connections(), 3, 'from 55 minutes on calls open the next pool')
    clock.advance(MINUTE)
    const error = await within(ended, 1000, 'the cut')
    assert.equal(error.code, 'TULLE_RESET')
    assert.match(error.message, /greatest age of a connection/)
  })

  test('a leaf that is closed hears of nothing any more', async () => {
    const clock = new ManualClock()
    const server = kept(await serveHttps({ svid: ca.issue(), ca }, hello))
    const identity = new TestIdentity({ ca })
    const h = mesh({ endpoints: [server.address, server.address], clock, secure: { identity } })
    assert.equal(await text(h), 'hello')
    assert.equal(identity.listeners.size, 2)
    identity.tell('renewed')
    await h.close()
    assert.equal(identity.listeners.size, 0)
    clock.advance(MINUTE)
    assert.equal(clock.armed, 0)
    const error = await failure(get(h))
    assert.equal(error.code, 'TULLE_CLOSED')
  })
})
