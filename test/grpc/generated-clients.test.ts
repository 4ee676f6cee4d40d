import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { credentials, Metadata as GrpcMetadata, type ServiceError, status } from '@grpc/grpc-js'
import {
  ClientError,
  type ClientMiddleware,
  createChannel,
  createClient,
  createClientFactory,
  Metadata,
  Status,
  waitForChannelReady,
} from 'nice-grpc'
import { channel, client } from '../../src/grpc/index.ts'
import { type Answer, Ask, PricingClient, PricingService } from '../kit/grpc/generated/pricing.ts'
import { closing } from '../kit/grpc/observe.ts'
import { pricingServer } from '../kit/grpc/pricing-server.ts'
import type { Behave } from '../kit/grpc/pricing-service.ts'
import { meshOver } from '../kit/grpc/twin-clients.ts'
import { until } from '../kit/wait.ts'

const ask = (id: string, more: Partial<Ask> = {}): Ask =>
  Ask.fromPartial({ sku: 'é', id, quantity: 2, payload: Buffer.from([0, 255]), ...more })

async function* asks(...ids: string[]): AsyncGenerator<Ask> {
  for (const id of ids) yield ask(id)
}

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of stream) items.push(item)
  return items
}

test('ts-proto: its class works over the mesh as it is, with every kind of call', async (t) => {
  const server = await pricingServer(t)
  const mesh = await meshOver(t, server.address)
  const seen = []
  for (const one of [
    closing(t, new PricingClient(server.address, credentials.createInsecure())),
    closing(t, client(mesh, PricingClient, 'pricing')),
  ]) {
    const quoted = await new Promise<Answer>((resolve, reject) =>
      one.quote(ask('a'), (error: ServiceError | null, answer) =>
        error === null ? resolve(answer) : reject(error),
      ),
    )
    const uploaded = await new Promise<Answer>((resolve, reject) => {
      const call = one.upload((error: ServiceError | null, answer) =>
        error === null ? resolve(answer) : reject(error),
      )
      for (const id of ['b', 'c']) call.write(ask(id))
      call.end()
    })
    const watched: Answer[] = await all(one.watch(ask('d', { count: 3 })))
    const chat = one.chat(new GrpcMetadata())
    for (const id of ['e', 'f']) chat.write(ask(id))
    chat.end()
    const talked: Answer[] = await all(chat)
    seen.push({ quoted, uploaded, watched, talked })
  }
  assert.deepEqual(seen[1], seen[0])
  assert.deepEqual(
    [
      seen[1]?.quoted.price,
      seen[1]?.uploaded.seen,
      seen[1]?.watched.length,
      seen[1]?.talked.map(({ id }) => id),
    ],
    [5, 2, 3, ['e', 'f']],
  )
})

interface Told {
  readonly server: Awaited<ReturnType<typeof pricingServer>>
  /** A nice-grpc channel to the server, and one of the mesh. */
  readonly channels: readonly ReturnType<typeof createChannel>[]
}

async function channels(t: TestContext, behaviour: Behave = {}): Promise<Told> {
  const server = await pricingServer(t, behaviour)
  const mesh = await meshOver(t, server.address)
  const both = [createChannel(server.address), channel(mesh, 'pricing')]
  t.after(() => {
    for (const one of both) one.close()
  })
  return { server, channels: both }
}

test('nice-grpc: every kind of call, with headers and trailers, binary ones too', async (t) => {
  const { channels: both, server } = await channels(t, {
    initial: { 'x-initial-bin': Buffer.from([1, 2]) },
    trailers: { 'x-trailer': 'z' },
  })
  const seen = []
  for (const one of both) {
    await waitForChannelReady(one, new Date(Date.now() + 5000))
    const pricing = createClient(PricingService, one)
    const told: unknown[] = []
    const options = {
      metadata: Metadata({ 'x-from': ['a', 'b'], 'x-raw-bin': Buffer.from([0, 255]) }),
      onHeader: (header: Metadata) => told.push(header.get('x-initial-bin')),
      onTrailer: (trailer: Metadata) => told.push(trailer.get('x-trailer')),
    }
    seen.push({
      quote: await pricing.quote(ask('a'), options),
      upload: await pricing.upload(asks('b', 'c'), options),
      watch: await all(pricing.watch(ask('d', { count: 3 }), options)),
      chat: await all(pricing.chat(asks('e', 'f'), options)),
      told,
      sent: server.ledger.executions
        .slice(-4)
        .map(({ metadata }) => [metadata.get('x-from'), metadata.get('x-raw-bin')]),
    })
  }
  assert.deepEqual(seen[1], seen[0])
  assert.equal(seen[1]?.told.length, 8)
  assert.deepEqual(seen[1]?.sent[0], [['a, b'], [Buffer.from([0, 255])]])
})

test('nice-grpc: middleware, and an error as a ClientError with the path, the code and the details', async (t) => {
  const { channels: both, server } = await channels(t, (_, nth) =>
    nth % 2 === 1 ? { code: status.NOT_FOUND, details: 'no such sku' } : {},
  )
  const seen = []
  for (const one of both) {
    const log: string[] = []
    const noting: ClientMiddleware = async function* (call, options) {
      log.push(`> ${call.method.path}`)
      try {
        return yield* call.next(call.request, options)
      } catch (error) {
        log.push(String(error))
        throw error
      } finally {
        log.push('<')
      }
    }
    const pricing = createClientFactory().use(noting).create(PricingService, one)
    const error = await pricing.quote(ask('a')).catch((thrown: unknown) => thrown)
    assert.ok(error instanceof ClientError)
    const answer = await pricing.quote(ask('b'))
    seen.push({ log, code: error.code, details: error.details, path: error.path, answer })
  }
  assert.deepEqual(seen[1], seen[0])
  assert.equal(seen[1]?.code, Status.NOT_FOUND)
  assert.equal(server.ledger.executions.length, 4)
})

test('nice-grpc: an AbortSignal cancels on the server', async (t) => {
  const { channels: both, server } = await channels(t, { never: true })
  const names = []
  for (const one of both) {
    const pricing = createClient(PricingService, one)
    const before = server.ledger.executions.length
    for (const run of [
      (signal: AbortSignal) => pricing.quote(ask('a'), { signal }),
      (signal: AbortSignal) => all(pricing.watch(ask('b'), { signal })),
      (signal: AbortSignal) => all(pricing.chat(asks('c'), { signal })),
    ]) {
      const abort = new AbortController()
      const started = server.ledger.executions.length
      const outcome = run(abort.signal).catch((error: Error) => error.name)
      await until(() => server.ledger.executions.length > started, { what: 'the execution' })
      abort.abort()
      names.push(await outcome)
    }
    await until(() => server.ledger.cancelled === before + 3, { what: 'the server to learn of it' })
  }
  assert.deepEqual(names, Array(6).fill('AbortError'))
})

test('nice-grpc: leaving a stream early ends it on the server', async (t) => {
  const { channels: both, server } = await channels(t, { everyMs: 5 })
  for (const [at, one] of both.entries()) {
    const pricing = createClient(PricingService, one)
    for await (const answer of pricing.watch(ask('a', { count: 100_000 }))) if (answer.index === 3) break
    await until(() => server.ledger.executions[at]?.cancelled, { what: 'the server to learn of it' })
  }
})
