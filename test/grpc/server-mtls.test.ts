import assert from 'node:assert/strict'
import { connect as connectPlain } from 'node:net'
import { test } from 'node:test'
import { type ServiceError, status } from '@grpc/grpc-js'
import { meshOf } from '../../src/grpc/mesh-of.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { TestCa, wrongKinds } from '../kit/certificates.ts'
import { grpcCredentials, inboundGrpc } from '../kit/grpc/inbound.ts'
import { observe, quote } from '../kit/grpc/observe.ts'
import { Pricing } from '../kit/grpc/pricing.ts'
import { clientOf, servingIdentity, talk } from '../kit/tls-inbound.ts'
import { until, within } from '../kit/wait.ts'

/** The error of a call that must fail. */
function failing(call: Promise<unknown>): Promise<ServiceError> {
  return call.then(
    () => assert.fail('the call went well'),
    (error) => error as ServiceError,
  )
}

test('a handler knows the verified peer, and the layers judge by it', async (t) => {
  const ca = TestCa.create()
  const scene = await inboundGrpc(t, { identity: servingIdentity(ca), inboundMtls: 'strict' })
  const svid = ca.issue({ service: 'orders' })
  const pricing = scene.client({}, grpcCredentials(ca, svid))
  let peer: unknown
  scene.grpc.removeService(Pricing.service)
  scene.grpc.addService(Pricing.service, {
    quote: (call: any, done: any) => {
      peer = meshOf(call)?.peer.service
      done(null, {})
    },
  } as never)
  await quote(pricing)
  assert.equal(peer, 'orders')
  const [{ call }] = scene.harness.seen as [(typeof scene.harness.seen)[0]]
  assert.match(call.peer?.id ?? '', /^spiffe:\/\/.*\/svc\/orders$/)
  assert.equal([...scene.harness.servers][0]?.listener?.protocol, 'grpc')
  assert.equal([...scene.harness.servers][0]?.listener?.mtls, 'strict')
})

test('FAULTS 41, 43: whoever has no good certificate reaches no handler, and the log says what was wrong with it', async (t) => {
  const ca = TestCa.create()
  const scene = await inboundGrpc(t, { identity: servingIdentity(ca), inboundMtls: 'strict' })
  const kinds = wrongKinds().filter(({ reason }) => !String(reason).includes('billing'))
  assert.ok(kinds.length >= 9)
  const mistakes = [
    ...kinds.map(({ kind, options, reason }) => ({ kind, reason, shown: ca.issue(options) })),
    { kind: 'none', reason: /showed no certificate/, shown: undefined },
    { kind: 'of nobody we trust', reason: /roots|not trusted/, shown: TestCa.create().issue() },
  ]
  for (const { kind, reason, shown } of mistakes) {
    const before = scene.told.length
    const seen = await observe(scene.client({}, grpcCredentials(ca, shown)), 'quote', {
      options: { deadline: Date.now() + 5000 },
    })
    assert.equal(seen.error?.code, status.UNAVAILABLE, kind)
    await until(() => scene.told.length > before, { what: `the refusal of ${kind}` })
    const { name, payload } = scene.told[before]!
    assert.deepEqual(
      [name, reason.test(payload.reason)],
      ['connection-refused', true],
      `${kind}: ${payload.reason}`,
    )
  }
  const reasons = new Set(scene.logged.map(({ reason }) => reason))
  assert.ok(reasons.size >= kinds.length, `${reasons.size} reasons in the log`)
  assert.equal(scene.service.ledger.executions.length, 0)
  assert.equal(scene.harness.seen.length, 0)
})

test('FAULTS 42: plaintext at a strict door, and TLS at a plain one, end at once with a reason', async (t) => {
  const ca = TestCa.create()
  const strict = await inboundGrpc(t, { identity: servingIdentity(ca), inboundMtls: 'strict' })
  const started = performance.now()
  const socket = connectPlain(strict.port, '127.0.0.1').on('error', () => {})
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  await within(new Promise((resolve) => socket.resume().once('close', resolve)), 1000, 'the end')
  assert.match(strict.logged.map(({ reason }) => reason).join(), /plaintext/)
  assert.equal((await failing(quote(strict.client()))).code, status.UNAVAILABLE)

  const plain = await inboundGrpc(t)
  const error = await within(
    failing(quote(plain.client({}, grpcCredentials(ca, ca.issue())))),
    5000,
    'an error',
  )
  assert.equal(error.code, status.UNAVAILABLE)
  assert.equal(plain.service.ledger.executions.length + strict.service.ledger.executions.length, 0)
  assert.ok(performance.now() - started < 5000)
})

test('permissive lets plaintext in beside TLS, without an identity and counted', async (t) => {
  const ca = TestCa.create()
  const scene = await inboundGrpc(t, { identity: servingIdentity(ca), inboundMtls: 'permissive' })
  await quote(scene.client())
  await quote(scene.client({}, grpcCredentials(ca, ca.issue({ service: 'orders' }))))
  assert.deepEqual(
    scene.harness.seen.map(({ call }) => call.peer?.service),
    [undefined, 'orders'],
  )
  assert.equal(scene.told.filter(({ name }) => name === 'plaintext-request').length, 1)
})

test('a client that speaks TLS but no HTTP/2 is turned away with that reason', async (t) => {
  const ca = TestCa.create()
  const scene = await inboundGrpc(t, { identity: servingIdentity(ca), inboundMtls: 'strict' })
  const { ALPNProtocols: _, ...noAlpn } = clientOf(ca, ca.issue())
  const said = await within(talk(scene.port, noAlpn, 'GET / HTTP/1.1\r\n\r\n'), 3000, 'the end')
  assert.equal(said.text, '')
  assert.match(scene.logged.map(({ reason }) => reason).join(), /none of the protocols .*h2/)
  await within(talk(scene.port, clientOf(ca, ca.issue()), 'GET / HTTP/1.1\r\n\r\n'), 3000, 'the end')
  assert.equal(scene.harness.seen.length, 0)
})

test('a peer that loses our trust is cut off at once, in the middle of a stream', async (t) => {
  const ca = TestCa.create()
  const identity = servingIdentity(ca)
  const scene = await inboundGrpc(t, {
    identity,
    inboundMtls: 'strict',
    behaviour: { stall: true, after: 1 },
  })
  const pricing = scene.client({}, grpcCredentials(ca, ca.issue({ service: 'orders' })))
  const stream = pricing.watch({})
  const ended = new Promise<ServiceError>((resolve) => stream.on('error', resolve as never))
  await new Promise((resolve) => stream.once('data', resolve))
  identity.denied.add(scene.harness.seen[0]!.call.peer!.id!)
  identity.tell('trust')
  const error = await within(ended, 3000, 'the end of the stream')
  assert.ok([status.UNAVAILABLE, status.INTERNAL, status.UNKNOWN].includes(error.code), error.message)
  await until(() => scene.harness.inFlight() === 0, { what: 'the end here' })
})

test('a connection that has grown old is replaced gently: what runs goes on, what follows comes on a new one', async (t) => {
  const clock = new ManualClock()
  const ca = TestCa.create()
  const identity = servingIdentity(ca)
  const scene = await inboundGrpc(t, {
    clock,
    identity,
    inboundMtls: 'strict',
    behaviour: ({ method }) => (method === 'watch' ? { stall: true, after: 1 } : {}),
  })
  const pricing = scene.client({}, grpcCredentials(ca, ca.issue({ service: 'orders' })))
  const stream = pricing.watch({})
  let streamEnded = false
  stream.on('error', () => {
    streamEnded = true
  })
  await new Promise((resolve) => stream.once('data', resolve))
  await quote(pricing)
  const peers = (): string[] => scene.service.ledger.executions.map(({ peer }) => peer)
  assert.equal(new Set(peers()).size, 1)
  clock.advance(3_600_000 * 1.1)
  await until(
    async () => {
      await quote(pricing)
      return new Set(peers()).size === 2
    },
    { what: 'calls on a new connection', seen: peers },
  )
  assert.equal(streamEnded, false, 'a stream that runs is not cut')
  clock.advance(299_000)
  await quote(pricing)
  assert.equal(streamEnded, false)
  clock.advance(1000)
  await until(() => streamEnded, {
    what: 'FAULTS 39: no connection to outlive its greatest age, nor a stream',
  })

  // A renewal brings the end of the new connection forward.
  identity.take(ca)
  identity.tell('renewed')
  clock.advance(600_000)
  await until(
    async () => {
      await quote(pricing)
      return new Set(peers()).size === 3
    },
    { what: 'calls on a third connection', seen: peers },
  )
  await until(() => scene.harness.inFlight() === 0, { what: 'the end' })
})
