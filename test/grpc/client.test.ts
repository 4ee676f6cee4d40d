import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, type TestContext, test } from 'node:test'
import {
  type ChannelCredentials,
  Client,
  type ClientOptions,
  credentials,
  InterceptingCall,
  type Interceptor,
  Metadata,
  makeGenericClientConstructor,
  type ServiceError,
  status,
} from '@grpc/grpc-js'
import { isMeshError } from '../../src/core/errors.ts'
import { channel, client } from '../../src/grpc/index.ts'
import { createMesh, type Mesh } from '../../src/index.ts'
import { type ObserveOptions, observe, type Seen } from '../kit/grpc/observe.ts'
import { Pricing, type PricingClient } from '../kit/grpc/pricing.ts'
import { type PricingServer, pricingServer } from '../kit/grpc/pricing-server.ts'
import type { Behave, PricingMethod } from '../kit/grpc/pricing-service.ts'
import { within } from '../kit/wait.ts'

function meshOf(t: TestContext, endpoints: readonly string[], policy?: object): Mesh {
  const mesh = createMesh({
    service: 'web',
    endpoints: { pricing: endpoints },
    ...(policy && { policy }),
  } as never)
  t.after(() => mesh.close())
  return mesh
}

interface Both {
  readonly server: PricingServer
  readonly plain: PricingClient
  readonly meshed: PricingClient
  readonly mesh: Mesh
}

async function both(t: TestContext, behave: Behave = {}, options: ClientOptions = {}): Promise<Both> {
  const server = await pricingServer(t, behave)
  const mesh = meshOf(t, [server.address])
  const plain = new Pricing(server.address, credentials.createInsecure(), options)
  t.after(() => plain.close())
  return { server, plain, mesh, meshed: client(mesh, Pricing, 'pricing', options) }
}

/** What must be the same; the peer and the date a server adds are not of interest. */
function comparable(seen: Seen): object {
  const { metadata, peer: _, ...rest } = seen
  return { ...rest, ...(metadata && { metadata: { ...metadata, date: undefined } }) }
}

async function same({ plain, meshed }: Both, method: PricingMethod, how: ObserveOptions = {}): Promise<Seen> {
  const expected = await within(observe(plain, method, how), 5000, `plain ${method}`)
  const seen = await within(observe(meshed, method, how), 5000, `meshed ${method}`)
  assert.deepEqual(comparable(seen), comparable(expected))
  return seen
}

describe('what an application sees is what plain grpc-js shows', () => {
  const asks = [{ id: 'a' }, { id: 'b' }, { id: 'c' }]

  test('all four kinds of call', async (t) => {
    const sides = await both(t)
    await same(sides, 'quote', { asks: [{ sku: 'x', id: 'a', payload: Buffer.alloc(100_000) }] })
    await same(sides, 'upload', { asks })
    const watched = await same(sides, 'watch', { asks: [{ id: 'a', count: 5 }] })
    assert.equal(watched.answers.length, 5)
    const chatted = await same(sides, 'chat', { asks })
    assert.equal(chatted.answers.length, 3)
  })

  test('who answered, while the call runs', async (t) => {
    const sides = await both(t, { after: 1, stall: true, initial: { region: 'eu' } })
    const ask = (side: PricingClient): Promise<unknown> =>
      new Promise((resolve) => {
        const call = side.watch({ count: 3 })
        call.on('error', () => {})
        call.on('metadata', () => {
          resolve([call.getPeer(), call.getAuthContext()])
          call.cancel()
        })
      })
    assert.deepEqual(
      await within(ask(sides.meshed), 5000, 'meshed'),
      await within(ask(sides.plain), 5000, 'plain'),
    )
  })

  test('no messages at all', async (t) => {
    const sides = await both(t)
    await same(sides, 'upload', { asks: [] })
    await same(sides, 'chat', { asks: [] })
    await same(sides, 'watch', { asks: [{ count: 0 }] })
  })

  test('a server that says no: code, details and trailers, with and without initial metadata', async (t) => {
    const trailers = { reason: 'stock', 'detail-bin': Buffer.from([0, 255, 1]) }
    for (const initial of [undefined, { region: 'eu' }]) {
      const behave = { code: status.FAILED_PRECONDITION, details: 'nothing left: ∅', trailers }
      const sides = await both(t, initial === undefined ? behave : { ...behave, initial })
      for (const method of ['quote', 'upload', 'watch', 'chat'] as const) {
        const seen = await same(sides, method, { asks: [{ id: 'a' }] })
        assert.equal(seen.status?.code, status.FAILED_PRECONDITION)
      }
    }
  })

  test('metadata of every kind, both ways', async (t) => {
    const sides = await both(t, {
      initial: { region: 'eu', 'key-bin': Buffer.from([1, 2]) },
      trailers: { cost: '1' },
    })
    const metadata = new Metadata()
    metadata.set('tenant', 'a')
    metadata.add('tenant', 'b')
    metadata.set('blob-bin', Buffer.from([0, 1, 254]))
    await same(sides, 'quote', { metadata })
    const [first, second] = sides.server.ledger.executions
    assert.deepEqual(second?.metadata.get('tenant'), first?.metadata.get('tenant'))
    assert.deepEqual(second?.metadata.get('blob-bin'), first?.metadata.get('blob-bin'))
  })

  test('a message over the limit of this side, sent and received', async (t) => {
    const small = { 'grpc.max_send_message_length': 1000 }
    const sending = await both(t, {}, small)
    for (const method of ['quote', 'upload'] as const) {
      const how = { asks: [{ payload: Buffer.alloc(2000) }] }
      const expected = await observe(sending.plain, method, how)
      const seen = await observe(sending.meshed, method, how)
      assert.deepEqual([seen.status, seen.error], [expected.status, expected.error])
      assert.equal(seen.status?.code, status.RESOURCE_EXHAUSTED)
    }
    const receiving = await both(t, {}, { 'grpc.max_receive_message_length': 1000 })
    const how = { asks: [{ answerBytes: 2000, count: 1 }] }
    for (const method of ['quote', 'watch'] as const) {
      const seen = await observe(receiving.meshed, method, how)
      assert.equal(seen.status?.code, status.RESOURCE_EXHAUSTED)
      const expected = await observe(receiving.plain, method, how)
      assert.ok(seen.status?.details.startsWith(expected.status?.details ?? '?'))
    }
  })

  test('a deadline that passes, and one that has passed', async (t) => {
    const sides = await both(t, { never: true })
    for (const ms of [100, -5])
      for (const method of ['quote', 'watch'] as const) {
        const deadline = (): number => Date.now() + ms
        const expected = await observe(sides.plain, method, { options: { deadline: deadline() } })
        const seen = await observe(sides.meshed, method, { options: { deadline: deadline() } })
        assert.deepEqual(
          seen.events.filter((event) => event !== 'metadata'),
          expected.events.filter((event) => event !== 'metadata'),
        )
        assert.equal(seen.status?.code, status.DEADLINE_EXCEEDED)
      }
  })

  test('a server that ends the call while the application is still writing', async (t) => {
    const sides = await both(t, { deaf: true, code: status.INVALID_ARGUMENT })
    for (const method of ['upload', 'chat'] as const) {
      const asks = Array.from({ length: 30 }, () => ({ payload: Buffer.alloc(65_536) }))
      const seen = await within(observe(sides.meshed, method, { asks }), 5000, method)
      assert.equal(seen.status?.code, status.INVALID_ARGUMENT)
    }
  })

  test('a call that is cancelled at once', async (t) => {
    const sides = await both(t)
    // Plain grpc-js may tell metadata after the status here; nobody is helped by that.
    const events = ({ events }: Seen): string[] => events.filter((event) => event !== 'metadata')
    for (const method of ['quote', 'upload', 'watch', 'chat'] as const) {
      const how = { onCall: (call: { cancel(): void }) => call.cancel() }
      const expected = await observe(sides.plain, method, how)
      const seen = await observe(sides.meshed, method, how)
      assert.deepEqual(seen.status, expected.status)
      assert.deepEqual(seen.error, expected.error)
      assert.deepEqual(events(seen), events(expected))
      assert.equal(seen.status?.code, status.CANCELLED)
    }
  })
})

describe('client', () => {
  test('starts a mesh that nobody has started, waits for it, and tells the callback in its own async context', async (t) => {
    const server = await pricingServer(t)
    const orders = client(meshOf(t, [server.address]), Pricing, 'pricing')
    const store = new AsyncLocalStorage<number>()
    const seen = await Promise.all(
      Array.from({ length: 20 }, (_, number) =>
        store.run(
          number,
          () =>
            new Promise<unknown>((resolve) =>
              orders.quote({ id: String(number) }, (error, answer) =>
                resolve([error, answer?.id, store.getStore()]),
              ),
            ),
        ),
      ),
    )
    assert.deepEqual(
      seen,
      seen.map((_, number) => [null, String(number), number]),
    )
  })

  test('waitForReady, getChannel and close are the channel’s', async (t) => {
    const server = await pricingServer(t)
    const mesh = meshOf(t, [server.address])
    const orders = client(mesh, Pricing, 'pricing.mesh')
    await new Promise<void>((resolve, reject) =>
      orders.waitForReady(Date.now() + 5000, (error) => (error === undefined ? resolve() : reject(error))),
    )
    assert.equal(orders.getChannel().getTarget(), 'tulle:///pricing')
    const running = observe(orders, 'watch', { asks: [{ count: 3 }] })
    orders.close()
    assert.equal((await running).status?.code, status.OK)
    assert.throws(() => orders.quote({}, () => {}), /Channel has been shut down/)
    const other = client(mesh, Pricing, 'pricing')
    assert.equal((await observe(other, 'quote')).status?.code, status.OK)
  })

  test('interceptors stand above the mesh: once per call, and they may change what is sent', async (t) => {
    const server = await pricingServer(t)
    let entered = 0
    const interceptor: Interceptor = (options, next) => {
      entered++
      return new InterceptingCall(next(options), {
        start: (metadata, listener, go) => {
          metadata.set('tenant', 'a')
          go(metadata, listener)
        },
      })
    }
    const orders = client(meshOf(t, [server.address]), Pricing, 'pricing', { interceptors: [interceptor] })
    assert.equal((await observe(orders, 'quote')).status?.code, status.OK)
    assert.equal(entered, 1)
  })

  test('takes classes as generators write them, each with its own type', async (t) => {
    const { address } = await pricingServer(t)
    const mesh = meshOf(t, [address])
    class Written extends Client {
      constructor(where: string, how: ChannelCredentials, options?: Partial<ClientOptions>) {
        super(where, how, options)
      }
      hello(): string {
        return this.getChannel().getTarget()
      }
    }
    assert.equal(client(mesh, Written, 'pricing').hello(), 'tulle:///pricing')
    class Loose extends Client {
      // As grpc-tools declares it.
      constructor(where: string, how: ChannelCredentials, options?: object) {
        super(where, how, options)
      }
    }
    assert.ok(client(mesh, Loose, 'pricing') instanceof Loose)
    const Generic = makeGenericClientConstructor(Pricing.service, 'Pricing')
    const generic = client(mesh, Generic, 'pricing')
    const answer = await new Promise((resolve) =>
      generic.Quote?.({ id: '7' }, (_: ServiceError | null, said: { id: string }) => resolve(said.id)),
    )
    assert.equal(answer, '7')
  })

  test('a server that is gone is UNAVAILABLE, and the error says what was tried', async (t) => {
    const server = await pricingServer(t)
    const orders = client(meshOf(t, [server.address]), Pricing, 'pricing')
    server.close()
    const error = await new Promise<ServiceError | null>((resolve) => orders.quote({}, resolve))
    assert.equal(error?.code, status.UNAVAILABLE)
    assert.ok(isMeshError(error?.cause))
    assert.equal(error.cause.code, 'TULLE_CONNECT')
    assert.ok(error.cause.attempts.length > 0)
    assert.match(error.details, /ECONNREFUSED/)
  })

  test('an unknown service says so, with the nearest name', async (t) => {
    const mesh = meshOf(t, ['127.0.0.1:1'])
    const seen = await observe(client(mesh, Pricing, 'prizing'), 'watch')
    assert.equal(seen.status?.code, status.UNAVAILABLE)
    assert.match(seen.status?.details ?? '', /no service "prizing" is known; did you mean "pricing"/)
  })
})

describe('bad arguments', () => {
  const mesh = createMesh({ service: 'web', endpoints: { pricing: ['127.0.0.1:1'] } } as never)
  const fails = (fn: () => unknown, code: string, text: RegExp): void =>
    assert.throws(fn, (error) => {
      assert.ok(isMeshError(error))
      assert.equal(error.code, code)
      assert.match(error.message, text)
      return true
    })

  test('are named: the mesh, the class, the service, the option', () => {
    fails(() => channel({} as never, 'pricing'), 'TULLE_CONFIG', /mesh is not a mesh/)
    fails(() => channel(undefined as never, 'pricing'), 'TULLE_CONFIG', /mesh is not a mesh/)
    fails(() => client(mesh, undefined as never, 'pricing'), 'TULLE_CONFIG', /Client is not a client class/)
    for (const name of [
      '',
      '.mesh',
      'a b',
      'pricing:50051',
      'http://pricing',
      'a.b.mesh',
      undefined as never,
    ])
      fails(() => channel(mesh, name), 'TULLE_BAD_NAME', /service: expected a service name/)
    fails(() => channel(mesh, 'pricing', { 'grpc.enable_retries': 0 }), 'TULLE_CONFIG', /enable_retries/)
    const override = { channelOverride: channel(mesh, 'pricing') }
    fails(() => client(mesh, Pricing, 'pricing', override), 'TULLE_CONFIG', /channelOverride/)
  })

  test('names are accepted as URLs have them', () => {
    for (const name of ['pricing', 'PRICING', 'pricing.mesh', 'Pricing.Mesh'])
      assert.equal(channel(mesh, name).getTarget(), 'tulle:///pricing')
  })
})

test('metadata goes to every attempt, and nothing of it is changed for the application', async (t) => {
  const { meshed } = await both(t)
  const metadata = new Metadata()
  metadata.set('tenant', 'a')
  assert.equal((await observe(meshed, 'quote', { metadata })).status?.code, status.OK)
  assert.deepEqual(metadata.getMap(), { tenant: 'a' })
})
