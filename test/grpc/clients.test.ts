import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import {
  credentials,
  InterceptingCall,
  type Interceptor,
  Metadata,
  type StatusObject,
  status,
} from '@grpc/grpc-js'
import { client } from '../../src/grpc/index.ts'
import {
  closing,
  plain as entriesOf,
  type ObserveOptions,
  observe,
  quote,
  type Seen,
} from '../kit/grpc/observe.ts'
import { Pricing, type PricingClient } from '../kit/grpc/pricing.ts'
import { pricingServer } from '../kit/grpc/pricing-server.ts'
import type { Execution, PricingMethod } from '../kit/grpc/pricing-service.ts'
import { answerWith, frame, rawGrpcServer } from '../kit/grpc/raw-server.ts'
import { meshOver, type Twins, twins } from '../kit/grpc/twin-clients.ts'
import { until, within } from '../kit/wait.ts'

/** Each call twice, with grpc-js alone and over the mesh: the application must not see which was which. */

const KINDS = ['quote', 'upload', 'watch', 'chat'] as const satisfies readonly PricingMethod[]
const ASKS = [1, 2, 3].map((n) => ({
  sku: `sku ${n} é`,
  id: `id-${n}`,
  quantity: n,
  count: 3,
  payload: Buffer.alloc(100, n),
}))

async function same(
  { plain, meshed }: Twins,
  method: PricingMethod,
  how: () => ObserveOptions = () => ({ asks: ASKS }),
  look: (seen: Seen) => unknown = (seen) => seen,
): Promise<Seen> {
  const expected = await within(observe(plain, method, how()), 20_000, `${method} over grpc-js alone`)
  const got = await within(observe(meshed, method, how()), 20_000, `${method} over the mesh`)
  assert.deepEqual(look(got), look(expected), method)
  return got
}

/** Where details differ on purpose: the mesh says which rule it was. */
const outline = ({ status: last, answers }: Seen): unknown => [last?.code, answers.length]

/** What the mesh adds is its own affair; the rest must be what the application sent. */
const ADDED = ['traceparent', 'tracestate', 'baggage', 'grpc-timeout']
function arrived({ metadata }: Execution): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(entriesOf(metadata)).filter(
      ([name]) => !ADDED.includes(name) && !name.startsWith('x-tulle-'),
    ),
  )
}

function sameArrived({ server: { ledger } }: Twins): void {
  const { executions } = ledger
  assert.equal(executions.length % 2, 0)
  for (let i = 0; i < executions.length; i += 2)
    assert.deepEqual(arrived(executions[i + 1]!), arrived(executions[i]!), executions[i]?.method)
}

test('every kind of call: answers, initial metadata, trailers, peer, and the order of events', async (t) => {
  const pair = await twins(t, {
    initial: { 'x-initial': 'a', 'x-initial-bin': Buffer.from([0, 1, 255]) },
    trailers: { 'x-trailer': 'b', 'x-trailer-bin': Buffer.from([254, 0]) },
  })
  for (const method of KINDS) {
    const seen = await same(pair, method)
    assert.equal(seen.status?.code, status.OK)
    assert.equal(seen.peer, pair.server.address)
    assert.deepEqual(seen.status?.metadata['x-trailer-bin'], [Buffer.from([254, 0])])
  }
  await same(pair, 'chat', () => ({ asks: [] }))
  await same(pair, 'upload', () => ({ asks: [] }))
  await same(pair, 'watch', () => ({ asks: [{ count: 0 }] }))
  sameArrived(pair)
})

test('every status code, with details and trailers, before the headers and after', async (t) => {
  const pair = await twins(t)
  for (let code = 1; code <= 16; code++) {
    for (const initial of [undefined, { 'x-initial': 'a' }]) {
      pair.server.behaviour = {
        code,
        details: `code ${code}: 100 % é`,
        trailers: { 'x-why-bin': Buffer.from([code]), 'x-why': 'b' },
        ...(initial === undefined ? {} : { initial }),
      }
      for (const method of KINDS) assert.equal((await same(pair, method)).status?.code, code)
    }
  }
})

test('a stream that fails after answers: the answers, then the error', async (t) => {
  const pair = await twins(t, { code: status.DATA_LOSS, after: 2, details: 'lost' })
  for (const method of ['watch', 'chat'] as const) assert.equal((await same(pair, method)).answers.length, 2)
})

test('a server that ends a client stream without reading it', async (t) => {
  const pair = await twins(t, { deaf: true })
  const seen = await same(pair, 'upload')
  assert.equal(seen.status?.code, status.OK)
  pair.server.behaviour = { deaf: true, code: status.OUT_OF_RANGE }
  await same(pair, 'upload')
})

test('metadata of the caller arrives as it was sent: many values, binary ones, and none of the mesh’s own twice', async (t) => {
  const pair = await twins(t)
  const metadata = new Metadata()
  metadata.add('x-many', 'a')
  metadata.add('x-many', 'b')
  metadata.set('x-raw-bin', Buffer.from([0, 128, 255]))
  metadata.set('authorization', 'Bearer abc')
  for (const method of KINDS) await same(pair, method, () => ({ asks: ASKS, metadata }))
  sameArrived(pair)
  assert.deepEqual(pair.server.ledger.executions[1]?.metadata.get('x-many'), ['a, b'])
  assert.deepEqual(metadata.get('traceparent'), [], 'the caller’s own object is left alone')
})

test('gzip and deflate, both ways, for what asks for it', async (t) => {
  for (const algorithm of [1, 2]) {
    const options = { 'grpc.default_compression_algorithm': algorithm }
    const pair = await twins(t, {}, options, options)
    const asks = ASKS.map((ask) => ({ ...ask, payload: Buffer.alloc(50_000, 'a'), answerBytes: 50_000 }))
    for (const method of KINDS) await same(pair, method, () => ({ asks }))
    sameArrived(pair)
  }
})

test('with compression asked for, compressed is what goes over the wire, and what is taken', async (t) => {
  const seen: unknown[] = []
  const raw = await rawGrpcServer(t, (call) => {
    call.stream.once('data', (bytes: Buffer) => {
      seen.push([call.headers['grpc-encoding'], bytes[0], bytes.length < 1000])
      const answer = gzipSync(Pricing.service.Quote.responseSerialize({ sku: 'small' } as never))
      answerWith(call, [frame(answer, { compressed: true })], undefined, { 'grpc-encoding': 'gzip' })
    })
  })
  const mesh = await meshOver(t, raw.address)
  const one = closing(t, client(mesh, Pricing, 'pricing', { 'grpc.default_compression_algorithm': 2 }))
  assert.equal((await quote(one, { payload: Buffer.alloc(50_000, 'a') })).sku, 'small')
  assert.deepEqual(seen, [['gzip', 1, true]])
})

test('limits of message sizes, of the client both ways and of the server', async (t) => {
  const small = await twins(t, {}, { 'grpc.max_receive_message_length': 1000 })
  for (const method of KINDS) {
    const seen = await same(small, method, () => ({ asks: [{ count: 2, answerBytes: 5000 }] }), outline)
    assert.equal(seen.status?.code, status.RESOURCE_EXHAUSTED)
    assert.match(seen.error?.details ?? '', /^Received message larger than max \(5031 vs 1000\)/)
  }
  const short = await twins(t, {}, { 'grpc.max_send_message_length': 1000 })
  for (const method of KINDS) {
    const seen = await same(short, method, () => ({ asks: [{ payload: Buffer.alloc(5000) }] }), outline)
    assert.equal(seen.status?.code, status.RESOURCE_EXHAUSTED, method)
    assert.match(seen.error?.details ?? '', /(larger than max|a size larger than 1000)/)
  }
  const strict = await twins(t, {}, {}, { 'grpc.max_receive_message_length': 1000 })
  for (const method of KINDS) {
    const seen = await same(strict, method, () => ({ asks: [{ payload: Buffer.alloc(5000) }] }), outline)
    assert.equal(seen.status?.code, status.RESOURCE_EXHAUSTED, method)
    assert.match(seen.error?.details ?? '', /(larger than max|a size larger than 1000)/)
  }
  const wide = await twins(t, {}, { 'grpc.max_receive_message_length': -1 })
  const seen = await same(wide, 'quote', () => ({ asks: [{ answerBytes: 6 << 20 }] }))
  assert.equal(seen.answers[0]?.payload.length, 6 << 20)
})

test('interceptors above the mesh see and change what they do over grpc-js alone', async (t) => {
  const log: string[] = []
  const noting: Interceptor = (options, next) =>
    new InterceptingCall(next(options), {
      start: (metadata, _listener, go) => {
        metadata.set('x-intercepted', options.method_definition.path)
        log.push('start')
        go(metadata, {
          onReceiveMetadata: (initial, pass) => {
            log.push('metadata')
            pass(initial)
          },
          onReceiveMessage: (message, pass) => {
            log.push('message')
            pass(message === null ? message : { ...message, sku: 'changed' })
          },
          onReceiveStatus: (last: StatusObject, pass) => {
            log.push('status')
            pass({ ...last, details: `${last.details}!` })
          },
        })
      },
      sendMessage: (message, go) => {
        log.push('send')
        go({ ...message, quantity: 9 })
      },
      halfClose: (go) => {
        log.push('half-close')
        go()
      },
    })
  const pair = await twins(t, {}, { interceptors: [noting] })
  for (const method of KINDS) {
    log.length = 0
    const seen = await same(pair, method)
    const half = log.length / 2
    const order = method === 'chat' ? [...log.slice(0, half)].sort() : log.slice(0, half)
    const again = method === 'chat' ? [...log.slice(half)].sort() : log.slice(half)
    assert.deepEqual(again, order, method)
    assert.equal(seen.answers[0]?.sku, 'changed')
  }
  sameArrived(pair)
  assert.equal(pair.server.ledger.executions[1]?.metadata.get('x-intercepted').length, 1)
})

test('an interceptor that makes a call of its own for every failure does so over the mesh', async (t) => {
  const pair = await twins(t, (_, nth) => (nth % 2 === 1 ? { code: status.ABORTED } : {}))
  const retrying: Interceptor = (options, next) => {
    let saved: { metadata: Metadata; listener: any; message: any }
    return new InterceptingCall(next(options), {
      start: (metadata, listener, go) => {
        saved = { metadata, listener, message: undefined }
        let answer: unknown
        go(metadata, {
          onReceiveMessage: (message: unknown) => {
            answer = message
          },
          onReceiveStatus: (last: StatusObject) => {
            if (last.code !== status.ABORTED) {
              saved.listener.onReceiveMessage(answer)
              saved.listener.onReceiveStatus(last)
              return
            }
            const again = next(options)
            again.start(saved.metadata, saved.listener)
            again.sendMessage(saved.message)
            again.halfClose()
          },
        })
      },
      sendMessage: (message, go) => {
        saved.message = message
        go(message)
      },
    })
  }
  const seen = await same(pair, 'quote', () => ({ asks: ASKS, options: { interceptors: [retrying] } }))
  assert.equal(seen.status?.code, status.OK)
  assert.equal(pair.server.ledger.executions.length, 4)
})

test('credentials of a call add their metadata, and their failure is the call’s', async (t) => {
  const pair = await twins(t)
  let asked = 0
  const good = credentials.createFromMetadataGenerator((params, done) => {
    asked++
    const metadata = new Metadata()
    metadata.set('authorization', `Bearer ${params.method_name ?? ''}`)
    setImmediate(() => done(null, metadata))
  })
  for (const method of KINDS) await same(pair, method, () => ({ asks: ASKS, options: { credentials: good } }))
  assert.equal(asked, 8)
  sameArrived(pair)
  for (const error of [
    new Error('no token'),
    Object.assign(new Error('not you'), { code: status.PERMISSION_DENIED }),
  ]) {
    const bad = credentials.createFromMetadataGenerator((_, done) => done(error))
    for (const method of KINDS) {
      const seen = await same(
        pair,
        method,
        () => ({ asks: [{}], options: { credentials: bad } }),
        ({ status: last, answers, events }) => [last?.code, last?.details, answers.length, events.at(-1)],
      )
      assert.notEqual(seen.status?.code, status.OK)
    }
  }
})

test('deadlines: one that passes, one that has passed, and one that does not', async (t) => {
  const pair = await twins(t, { delayMs: 2000 })
  for (const method of KINDS) {
    const started = performance.now()
    const seen = await same(
      pair,
      method,
      () => ({ asks: ASKS, options: { deadline: Date.now() + 100 } }),
      outline,
    )
    assert.equal(seen.status?.code, status.DEADLINE_EXCEEDED, method)
    assert.ok(performance.now() - started < 1500)
  }
  await until(() => pair.server.ledger.executions.every(({ cancelled }) => cancelled), {
    what: 'the server to learn of every one',
    seen: () => pair.server.ledger.executions.map(({ method, cancelled }) => [method, cancelled]),
  })
  for (const method of KINDS) {
    const past = await same(pair, method, () => ({ options: { deadline: Date.now() - 1 } }), outline)
    assert.equal(past.status?.code, status.DEADLINE_EXCEEDED, method)
  }
  pair.server.behaviour = {}
  for (const method of KINDS)
    await same(pair, method, () => ({ asks: ASKS, options: { deadline: new Date(Date.now() + 60_000) } }))
  const deadlines = pair.server.ledger.executions
    .slice(-8)
    .map(({ deadline }) => Number(deadline) - Date.now())
  assert.ok(
    deadlines.every((left) => left > 50_000 && left <= 60_000),
    String(deadlines),
  )
})

test('cancel(): at once, while it is served, and when it is over', async (t) => {
  const pair = await twins(t, { stall: true, after: 1 })
  for (const method of ['watch', 'chat'] as const) {
    const seen = await same(pair, method, () => ({
      asks: ASKS,
      onCall: (call) => void setTimeout(() => call.cancel(), 100),
    }))
    assert.deepEqual([seen.status?.code, seen.status?.details], [status.CANCELLED, 'Cancelled on client'])
    assert.equal(seen.answers.length, 1)
  }
  pair.server.behaviour = { never: true }
  for (const method of KINDS) {
    const seen = await same(pair, method, () => ({
      asks: ASKS,
      onCall: (call) => void setTimeout(() => call.cancel(), 50),
    }))
    assert.equal(seen.status?.code, status.CANCELLED)
  }
  await until(() => pair.server.ledger.cancelled === pair.server.ledger.executions.length, {
    what: 'the server to learn of it',
  })
  for (const method of KINDS) {
    const seen = await same(
      pair,
      method,
      () => ({ asks: ASKS, onCall: (call) => call.cancel() }),
      ({ status: last, answers }) => [last, answers],
    )
    assert.equal(seen.status?.code, status.CANCELLED)
  }
})

const whenReady = (one: PricingClient, ms: number) =>
  new Promise<Error | undefined>((resolve) => one.waitForReady(Date.now() + ms, resolve))

test('a call that is cancelled in the tick it was made in stays open on no server', async (t) => {
  const raw = await rawGrpcServer(t, (call) => answerWith(call, [frame(Buffer.alloc(0))]))
  const one = closing(t, client(await meshOver(t, raw.address), Pricing, 'pricing'))
  await quote(one)
  const open = new Set<number>()
  raw.answer = ({ stream, nth }) => {
    open.add(nth)
    stream.resume()
    stream.once('close', () => open.delete(nth))
  }
  for (const method of KINDS) {
    const seen = await observe(one, method, { onCall: (call) => call.cancel() })
    assert.equal(seen.status?.code, status.CANCELLED)
  }
  const unwritable = {
    get sku(): string {
      throw new Error('unwritable')
    },
  }
  assert.equal((await observe(one, 'quote', { asks: [unwritable] })).status?.code, status.INTERNAL)
  // What follows on the same connection arrives after all that was sent before.
  raw.answer = (call) => answerWith(call, [frame(Buffer.alloc(0))])
  await quote(one)
  await until(() => open.size === 0, { what: 'the end of every stream', seen: () => [...open] })
})

test('waitForReady of a client that nobody serves ends at its deadline', async (t) => {
  const first = await pricingServer(t)
  first.close()
  const mesh = await meshOver(t)
  const alone = new Pricing(first.address, credentials.createInsecure())
  for (const one of [alone, client(mesh, Pricing, 'pricing')]) {
    assert.match(String(await whenReady(closing(t, one), 50)), /Failed to connect before the deadline/)
  }
})

test('waitForReady, of the client and of a call, until a server is there', async (t) => {
  const first = await pricingServer(t)
  const { port, address } = first
  first.close()
  const mesh = await meshOver(t, address)
  const clients = [
    closing(t, new Pricing(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 })),
    closing(t, client(mesh, Pricing, 'pricing')),
  ]
  const hasty = await Promise.all(clients.map((one) => observe(one, 'quote')))
  assert.deepEqual(
    hasty.map((seen) => seen.status?.code),
    [status.UNAVAILABLE, status.UNAVAILABLE],
  )
  const waiting = new Metadata({ waitForReady: true })
  const patient = clients.map((one) => observe(one, 'quote', { asks: ASKS, metadata: waiting }))
  const ready = clients.map((one) => whenReady(one, 20_000))
  await pricingServer(t, {}, { port })
  const codes = (await within(Promise.all(patient), 20_000, 'the patient calls')).map(
    (seen) => seen.status?.code,
  )
  assert.deepEqual(codes, [status.OK, status.OK])
  assert.deepEqual(await within(Promise.all(ready), 20_000, 'readiness'), [undefined, undefined])
})

test('what cannot be written or read is the same error', async (t) => {
  const pair = await twins(t)
  const unwritable = {
    get sku(): string {
      throw new Error('unwritable')
    },
  }
  for (const method of ['quote', 'watch'] as const) {
    const seen = await same(
      pair,
      method,
      () => ({ asks: [unwritable] }),
      ({ peer: _, ...seen }) => seen,
    )
    assert.equal(seen.status?.code, status.INTERNAL)
  }
})

test('a closed client makes no call, as one of grpc-js alone', async (t) => {
  const { plain, meshed } = await twins(t)
  const thrown = [plain, meshed].map((one) => {
    one.close()
    try {
      one.quote({}, () => {})
      return undefined
    } catch (error) {
      return String(error)
    }
  })
  assert.equal(thrown[1], thrown[0])
})

test('a slow reader stops the writer', async (t) => {
  const pair = await twins(t)
  const asked = { count: 2000, answerBytes: 64 * 1024 }
  const written: number[] = []
  for (const one of [pair.plain, pair.meshed]) {
    const call = one.watch(asked)
    call.on('error', () => {})
    // grpc-js holds a stream back from its first read on.
    call.once('data', () => call.pause())
    await until(() => pair.server.ledger.executions.length === written.length + 1, { what: 'the call' })
    const execution = pair.server.ledger.executions.at(-1)!
    let last = -1
    await until(
      () => {
        const still = execution.answered > 0 && execution.answered === last
        last = execution.answered
        return still
      },
      { what: 'the writer to stop', everyMs: 100 },
    )
    written.push(execution.answered)
    call.cancel()
  }
  assert.ok(
    written[0]! < 500 && written[1]! <= written[0]! + 20,
    `alone ${written[0]}, mesh ${written[1]} of 2000`,
  )
})

test('a peer that reads nothing stops a client’s stream', async (t) => {
  const pair = await twins(t, { deaf: true, never: true })
  const taken: number[] = []
  for (const one of [pair.plain, pair.meshed]) {
    const call = one.upload(() => {})
    call.on('error', () => {})
    const ask = { payload: Buffer.alloc(64 * 1024) }
    let count = 0
    let stopped = false
    while (!stopped && count < 2000) {
      count++
      if (call.write(ask)) continue
      stopped = await Promise.race([
        new Promise<boolean>((resolve) => call.once('drain', () => resolve(false))),
        new Promise<boolean>((resolve) => setTimeout(resolve, 500, true)),
      ])
    }
    taken.push(count)
    call.cancel()
  }
  assert.ok(taken[0]! < 500, `grpc-js alone takes ${taken[0]} of 2000`)
  assert.ok(taken[1]! <= taken[0]! + 32, `alone ${taken[0]}, mesh ${taken[1]} of 2000`)
})
