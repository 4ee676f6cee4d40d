import assert from 'node:assert/strict'
import { constants } from 'node:http2'
import { type TestContext, test } from 'node:test'
import { createSecureContext, type PeerCertificate } from 'node:tls'
import {
  Channel,
  type ChannelCredentials,
  type ChannelOptions,
  connectivityState,
  credentials,
  Metadata,
  ServerCredentials,
  type StatusObject,
  status,
} from '@grpc/grpc-js'
import { TestCa } from '../../kit/certificates.ts'
import { PRICING, Pricing } from '../../kit/grpc/pricing.ts'
import { pricingServer } from '../../kit/grpc/pricing-server.ts'
import {
  answerWith,
  deafServer,
  dropAfterHeaders,
  frame,
  goawayBelow,
  plainAnswer,
  rawGrpcServer,
  reset,
  trailersOnly,
} from '../../kit/grpc/raw-server.ts'
import { until, within } from '../../kit/wait.ts'

/** Run by `versions.test.ts` with each end of the supported range: what the leaf reads of a channel. */

const ALONE: ChannelOptions = {
  'grpc.enable_retries': 0,
  'grpc.enable_http_proxy': 0,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.service_config_disable_resolution': 1,
}
const QUOTE = `/${PRICING}/Quote`
const ASK = Buffer.from(Pricing.service.Quote.requestSerialize({ id: 'x' }))

function channelTo(
  t: TestContext,
  address: string,
  options: ChannelOptions = {},
  creds: ChannelCredentials = credentials.createInsecure(),
): Channel {
  const channel = new Channel(address, creds, { ...ALONE, ...options })
  t.after(() => channel.close())
  return channel
}

interface Run {
  readonly events: string[]
  readonly status: Promise<StatusObject>
  readonly call: ReturnType<Channel['createCall']>
}

function start(channel: Channel, metadata = new Metadata(), path = QUOTE): Run {
  const call = channel.createCall(path, Infinity, 'orders.mesh', null, undefined)
  const events: string[] = []
  const ended = new Promise<StatusObject>((resolve) => {
    call.start(metadata, {
      onReceiveMetadata: () => events.push('metadata'),
      onReceiveMessage: () => {
        events.push('message')
        call.startRead()
      },
      onReceiveStatus: (last) => {
        events.push('status')
        resolve(last)
      },
    })
  })
  return { events, status: within(ended, 10_000, 'a status'), call }
}

function unary(channel: Channel, metadata?: Metadata): Run {
  const run = start(channel, metadata)
  run.call.startRead()
  run.call.sendMessageWithContext({}, ASK)
  run.call.halfClose()
  return run
}

const stateIs = (channel: Channel, state: number) =>
  until(() => channel.getConnectivityState(false) === state, {
    what: connectivityState[state] as string,
    seen: () => connectivityState[channel.getConnectivityState(false)],
  })
const ok = [frame(Buffer.alloc(0))]

test('this process has the version that is asked for, and says it to servers', async (t) => {
  const raw = await rawGrpcServer(t, (call) => answerWith(call, ok))
  assert.equal((await unary(channelTo(t, raw.address)).status).code, status.OK)
  const agent = String(raw.calls[0]?.headers['user-agent'])
  assert.match(agent, new RegExp(`grpc-node-js/${process.env.EXPECTED_GRPC_JS ?? '[\\d.]+'}$`))
})

test('a channel is idle until it is asked to connect, ready then, and idle again when the connection dies', async (t) => {
  const raw = await rawGrpcServer(t, (call) => answerWith(call, ok))
  const channel = channelTo(t, raw.address)
  assert.equal(channel.getConnectivityState(false), connectivityState.IDLE)
  const watched = new Promise<Error | undefined>((resolve) =>
    channel.watchConnectivityState(connectivityState.IDLE, Infinity, resolve),
  )
  channel.getConnectivityState(true)
  assert.equal(await watched, undefined)
  await stateIs(channel, connectivityState.READY)
  const left = new Promise<Error | undefined>((resolve) =>
    channel.watchConnectivityState(connectivityState.READY, Infinity, resolve),
  )
  for (const session of raw.sessions) session.destroy()
  assert.equal(await left, undefined)
  await stateIs(channel, connectivityState.IDLE)
})

test('a watch ends with an error at its deadline', async (t) => {
  const channel = channelTo(t, '127.0.0.1:1')
  const watched = new Promise<Error | undefined>((resolve) =>
    channel.watchConnectivityState(connectivityState.IDLE, Date.now() + 20, resolve),
  )
  assert.ok((await watched) instanceof Error)
})

test('FAULTS 11: a refused stream says so, and is not tried again', async (t) => {
  const raw = await rawGrpcServer(t, (call) => reset(call, constants.NGHTTP2_REFUSED_STREAM))
  const { code, details } = await unary(channelTo(t, raw.address)).status
  assert.equal(code, status.UNAVAILABLE)
  assert.ok(details.startsWith('Stream refused by server'), details)
  assert.equal(raw.calls.length, 1)

  const retrying = new Channel(raw.address, credentials.createInsecure(), {
    ...ALONE,
    'grpc.enable_retries': 1,
  })
  t.after(() => retrying.close())
  await unary(retrying).status
  assert.ok(raw.calls.length > 2, 'with retries on grpc-js sends it again: the option is what stops it')
})

test('FAULTS 11: a stream above the last id of a GOAWAY says that it was refused', async (t) => {
  const raw = await rawGrpcServer(t, (call) => (call.nth === 2 ? goawayBelow(call) : answerWith(call, ok)))
  const channel = channelTo(t, raw.address)
  assert.equal((await unary(channel).status).code, status.OK)
  const { code, details } = await unary(channel).status
  assert.deepEqual(
    [code, details.startsWith('Stream refused by server')],
    [status.UNAVAILABLE, true],
    details,
  )
  assert.equal(raw.calls.length, 2)
  assert.equal((await unary(channel).status).code, status.OK, 'the channel connects anew')
  assert.equal(raw.connections, 2)
})

test('a stream that the server may have seen never says that it was refused', async (t) => {
  const raw = await rawGrpcServer(t, () => {})
  const channel = channelTo(t, raw.address)
  const faults = [
    (call) => reset(call, constants.NGHTTP2_INTERNAL_ERROR),
    (call) => reset(call, constants.NGHTTP2_CANCEL),
    (call) => reset(call, constants.NGHTTP2_ENHANCE_YOUR_CALM),
    (call) => reset(call, constants.NGHTTP2_NO_ERROR),
    (call) => call.session.destroy(),
    (call) => dropAfterHeaders(call),
    (call) => call.session.goaway(constants.NGHTTP2_INTERNAL_ERROR, call.stream.id),
    (call) => trailersOnly(call, status.UNAVAILABLE),
  ] satisfies (typeof raw.answer)[]
  const UNSENT = /^(Stream refused by server|No connection established|Channel closed before|Failed to start)/
  for (const fault of faults) {
    raw.answer = fault
    const { code, details } = await unary(channel).status
    assert.notEqual(code, status.OK)
    assert.doesNotMatch(details, UNSENT, String(fault))
  }
})

test('a connection that drops under a call says so', async (t) => {
  const raw = await rawGrpcServer(t, (call) => call.session.destroy())
  const { code, details } = await unary(channelTo(t, raw.address)).status
  assert.deepEqual([code, details.startsWith('Connection dropped')], [status.UNAVAILABLE, true], details)
})

test('where nobody listens the channel fails, and a call says that there was no connection', async (t) => {
  const raw = await rawGrpcServer(t, () => {})
  await raw.close()
  const channel = channelTo(t, raw.address)
  channel.getConnectivityState(true)
  await stateIs(channel, connectivityState.TRANSIENT_FAILURE)
  const { code, details } = await unary(channel).status
  assert.equal(code, status.UNAVAILABLE)
  assert.ok(details.startsWith('No connection established'), details)
  assert.match(details, /ECONNREFUSED/)
})

test('a call that waits for a connection ends as unsent when its channel is closed', async (t) => {
  const deaf = await deafServer(t)
  const channel = new Channel(deaf.address, credentials.createInsecure(), ALONE)
  const run = unary(channel)
  channel.close()
  const { code, details } = await run.status
  assert.equal(code, status.UNAVAILABLE)
  assert.ok(details.startsWith('Channel closed before call started'), details)
  assert.throws(() => channel.createCall(QUOTE, Infinity, 'x', null, undefined), /shut ?down/)
})

test('closing a channel lets a running call end', async (t) => {
  const server = await pricingServer(t, { delayMs: 50 })
  const channel = new Channel(server.address, credentials.createInsecure(), ALONE)
  const run = unary(channel)
  await until(() => server.ledger.executions.length === 1, { what: 'the execution' })
  channel.close()
  assert.equal((await run.status).code, status.OK)
})

test('a stream that HTTP/2 would not open says so, and nothing arrives', async (t) => {
  const raw = await rawGrpcServer(t, (call) => answerWith(call, ok))
  const metadata = new Metadata()
  metadata.set('connection', 'close')
  const { details } = await unary(channelTo(t, raw.address), metadata).status
  assert.ok(details.startsWith('Failed to start HTTP/2 stream'), details)
  assert.equal(raw.calls.length, 0)
})

test('a deadline of Infinity sends no grpc-timeout, and one of ours goes out once', async (t) => {
  const raw = await rawGrpcServer(t, (call) => answerWith(call, ok))
  const channel = channelTo(t, raw.address)
  await unary(channel).status
  assert.equal(raw.calls[0]?.headers['grpc-timeout'], undefined)
  const metadata = new Metadata()
  metadata.set('grpc-timeout', '250m')
  await unary(channel, metadata).status
  assert.equal(raw.calls[1]?.headers['grpc-timeout'], '250m')
  assert.equal(raw.calls[1]?.headers[':authority'], 'orders.mesh')
})

for (const name of ['http_proxy', 'grpc_proxy', 'https_proxy']) {
  test(`${name} captures no connection`, async (t) => {
    const proxy = await rawGrpcServer(t, () => {})
    let captured = 0
    const raw = await rawGrpcServer(t, (call) => answerWith(call, ok))
    const before = process.env[name]
    process.env[name] = `http://${proxy.address}`
    t.after(() => {
      if (before === undefined) delete process.env[name]
      else process.env[name] = before
    })
    assert.equal((await unary(channelTo(t, raw.address)).status).code, status.OK)
    captured = proxy.connections
    assert.equal(captured, 0)
    assert.equal(raw.connections, 1)
  })
}

test('without the option a proxy would capture them', async (t) => {
  const proxy = await deafServer(t, 'HTTP/1.1 502 Bad Gateway\r\n\r\n')
  const raw = await rawGrpcServer(t, (call) => answerWith(call, ok))
  process.env.grpc_proxy = `http://${proxy.address}`
  t.after(() => delete process.env.grpc_proxy)
  const channel = channelTo(t, raw.address, { 'grpc.enable_http_proxy': 1 })
  assert.equal((await unary(channel).status).code, status.UNAVAILABLE)
  assert.equal(raw.connections, 0)
})

test('initial metadata is told before any message; an answer of trailers alone tells the status alone', async (t) => {
  const raw = await rawGrpcServer(t, (call) => answerWith(call, ok))
  const channel = channelTo(t, raw.address)
  const whole = unary(channel)
  await whole.status
  assert.deepEqual(whole.events, ['metadata', 'message', 'status'])
  raw.answer = (call) => trailersOnly(call, status.UNAVAILABLE, { 'x-tulle-refused': 'limit' })
  const short = unary(channel)
  const last = await short.status
  assert.deepEqual(short.events, ['status'])
  assert.deepEqual(last.metadata.get('x-tulle-refused'), ['limit'])
})

test('a message is handed over only for a read, and each read gets one', async (t) => {
  const raw = await rawGrpcServer(t, (call) => answerWith(call, [...ok, ...ok, ...ok]))
  const channel = channelTo(t, raw.address)
  const events: string[] = []
  const call = channel.createCall(QUOTE, Infinity, 'x', null, undefined)
  call.start(new Metadata(), {
    onReceiveMetadata: () => events.push('metadata'),
    onReceiveMessage: () => events.push('message'),
    onReceiveStatus: () => events.push('status'),
  })
  call.sendMessageWithContext({}, ASK)
  call.halfClose()
  await until(() => events.length === 1, { what: 'the metadata' })
  for (let n = 1; n <= 3; n++) {
    await new Promise((resolve) => setTimeout(resolve, 10))
    assert.equal(events.length, n, 'nothing comes that was not asked for')
    call.startRead()
    await until(() => events[n] === 'message', { what: `message ${n}` })
  }
  await until(() => events[4] === 'status', { what: 'the status, for which no read is needed' })
})

test('the callback of a message comes when it was taken, and waits while the peer takes none', async (t) => {
  const raw = await rawGrpcServer(t, ({ stream }) => void stream.pause())
  const channel = channelTo(t, raw.address)
  const { call } = start(channel)
  const big = Buffer.alloc(1 << 20)
  let taken = 0
  const next = (): void =>
    call.sendMessageWithContext(
      {
        callback: () => {
          taken++
          if (taken < 64) next()
        },
      },
      big,
    )
  next()
  await until(() => raw.calls.length === 1, { what: 'the call' })
  await new Promise((resolve) => setTimeout(resolve, 200))
  assert.ok(taken < 8, `${taken} MB were taken from a peer that reads nothing`)
  call.cancelWithStatus(status.CANCELLED, 'enough')
})

test('a cancelled call resets its stream and reports once', async (t) => {
  const raw = await rawGrpcServer(t, () => {})
  const run = unary(channelTo(t, raw.address))
  await until(() => raw.calls.length === 1, { what: 'the call' })
  const gone = new Promise<number | undefined>((resolve) =>
    raw.calls[0]?.stream.once('close', () => resolve(raw.calls[0]?.stream.rstCode)),
  )
  run.call.cancelWithStatus(status.CANCELLED, 'by us')
  const { code, details } = await run.status
  assert.deepEqual([code, details], [status.CANCELLED, 'by us'])
  assert.equal(await within(gone, 5000, 'the reset'), constants.NGHTTP2_CANCEL)
  assert.deepEqual(run.events, ['status'])
})

test('SECURITY 38: an answer that is no gRPC becomes the code of its HTTP status', async (t) => {
  const raw = await rawGrpcServer(t, () => {})
  const channel = channelTo(t, raw.address)
  const codes: number[] = []
  for (const http of [400, 401, 403, 404, 429, 502, 503, 504, 500]) {
    raw.answer = (call) => plainAnswer(call, http, 'text/plain', `${http} page`)
    codes.push((await unary(channel).status).code)
  }
  const { INTERNAL, UNAUTHENTICATED, PERMISSION_DENIED, UNIMPLEMENTED, UNAVAILABLE, UNKNOWN } = status
  assert.deepEqual(codes, [
    ...[INTERNAL, UNAUTHENTICATED, PERMISSION_DENIED, UNIMPLEMENTED],
    ...[UNAVAILABLE, UNAVAILABLE, UNAVAILABLE, UNAVAILABLE, UNKNOWN],
  ])
})

test('SECURITY 37: a message that declares 800 MB is refused before it is kept', async (t) => {
  const raw = await rawGrpcServer(t, (call) =>
    answerWith(call, [frame(Buffer.alloc(16), { declared: 800 << 20 })]),
  )
  const { code } = await unary(channelTo(t, raw.address)).status
  assert.equal(code, status.RESOURCE_EXHAUSTED)
})

test('checkServerIdentity judges the whole chain at every handshake, and its word is last', async (t) => {
  const ca = TestCa.create()
  const below = ca.intermediate()
  const svid = below.issue({ service: 'pricing', dns: [] })
  const server = await pricingServer(
    t,
    {},
    {
      credentials: ServerCredentials.createSsl(null, [
        { private_key: Buffer.from(svid.keyPem), cert_chain: Buffer.from(svid.chainPem.join('')) },
      ]),
    },
  )
  const judged: { host: string; chain: Buffer[] }[] = []
  let verdict: Error | undefined
  // An address is no server name (RFC 6066), and Node says so.
  const NAMED = { 'grpc.ssl_target_name_override': 'pricing.mesh' }
  const creds = credentials.createFromSecureContext(createSecureContext({ ca: ca.rootPem }), {
    checkServerIdentity: (host, certificate) => {
      judged.push({ host, chain: chainOf(certificate as never) })
      return verdict
    },
  })
  for (const times of [1, 2]) {
    const channel = channelTo(t, server.address, NAMED, creds)
    assert.equal((await unary(channel).status).code, status.OK)
    assert.equal(judged.length, times)
    channel.close()
  }
  assert.equal(judged[0]?.host, 'pricing.mesh')
  const [leaf, middle] = judged[0]?.chain ?? []
  assert.deepEqual([leaf, middle], [Buffer.from(svid.chain[0]!), Buffer.from(svid.chain[1]!)])
  assert.deepEqual(judged[1]?.chain, judged[0]?.chain, 'no session was resumed')

  verdict = new Error('that is somebody else')
  const channel = channelTo(t, server.address, NAMED, creds)
  channel.getConnectivityState(true)
  await stateIs(channel, connectivityState.TRANSIENT_FAILURE)
  const { details } = await unary(channel).status
  assert.match(details, /^No connection established.*that is somebody else/)
  assert.equal(server.ledger.executions.length, 2)
})

interface Detailed extends PeerCertificate {
  readonly issuerCertificate?: Detailed
}

function chainOf(leaf: Detailed): Buffer[] {
  const chain: Buffer[] = []
  for (let at: Detailed | undefined = leaf; at !== undefined; at = at.issuerCertificate) {
    if (chain.some((one) => one.equals(at!.raw))) break
    chain.push(at.raw)
  }
  return chain
}
