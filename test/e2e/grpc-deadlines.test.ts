import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { Metadata, type ServiceError, type sendUnaryData, status } from '@grpc/grpc-js'
import { client, serve, statusOf } from '../../src/grpc/index.ts'
import { createMesh } from '../../src/index.ts'
import { closing, observe, quote } from '../kit/grpc/observe.ts'
import { type Answer, PRICING, Pricing, type PricingClient } from '../kit/grpc/pricing.ts'
import { pricingGrpc, pricingServer } from '../kit/grpc/pricing-server.ts'
import { PricingService } from '../kit/grpc/pricing-service.ts'
import { TWICE } from '../kit/grpc/setting.ts'
import { type Ledger, startLedger } from '../kit/ledger.ts'
import type { Cleanup } from '../kit/process.ts'
import type { Mesh } from '../kit/setting.ts'
import { until } from '../kit/wait.ts'

type Done = sendUnaryData<Partial<Answer>>

const { DEADLINE_EXCEEDED, CANCELLED } = status
const TIMEOUT = 400

/** What the service in the middle does for each request, written without a word about deadlines. */
interface Work {
  /** By gRPC. */
  price(): Promise<unknown>
  /** By HTTP. */
  stock(method?: 'GET' | 'POST'): Promise<unknown>
  readonly mesh: Mesh
}

interface StageOptions {
  readonly work: (work: Work) => Promise<unknown>
  /** What the policy says of both children. */
  readonly children?: object
  readonly idempotent?: boolean
}

/** `web` calls `orders`, by HTTP or by gRPC; `orders` calls `pricing` by gRPC and `stock` by HTTP, which never answer. */
async function stage(t: Cleanup, { work, children = {}, idempotent = false }: StageOptions) {
  const pricing = await pricingServer(t, { never: true })
  const stock = await startLedger({ name: 'stock' })
  stock.behave({ hang: 'head' })
  t.after(() => stock.close())
  const none = { retry: false, outlier: false, ...children } as const
  const orders = createMesh({
    service: 'orders',
    log: 'silent',
    env: {},
    endpoints: { pricing: pricing.address, stock: stock.address },
    policy: {
      version: 1,
      services: { pricing: { ...none, ...(idempotent ? { routes: [TWICE] } : {}) }, stock: none },
    },
  })
  const prices = closing(t, client(orders, Pricing, 'pricing'))
  /** How the work of each request ended. */
  const ended: unknown[] = []
  const run = (): Promise<unknown> => {
    const done = work({
      mesh: orders,
      price: () => quote(prices, { id: 'child' }),
      stock: (method = 'GET') => orders.request('http://stock.mesh/1', { method }),
    })
    done.then(
      () => ended.push('answered'),
      (error) => ended.push(error),
    )
    return done
  }
  const http = await orders.serve(
    (_req: IncomingMessage, res) => {
      run().then(
        () => res.end('fine'),
        () => res.writeHead(502).end(),
      )
    },
    { host: '127.0.0.1', port: 0, signals: false },
  )
  const service = new PricingService()
  const implementation = {
    ...service.implementation,
    quote: (_call: unknown, done: Done) => {
      run().then(
        () => done(null, { id: 'fine' }),
        (error) => done(statusOf(error)),
      )
    },
  }
  const grpc = await serve(orders, pricingGrpc({ implementation }), {
    host: '127.0.0.1',
    signals: false,
  })
  const web = createMesh({
    service: 'web',
    log: 'silent',
    env: {},
    endpoints: { orders: `127.0.0.1:${http.port}`, 'orders-grpc': `127.0.0.1:${grpc.port}` },
    policy: { version: 1, defaults: { retry: false } },
  })
  t.after(async () => {
    await web.close()
    service.close()
    pricing.close()
    await stock.refuse()
    await orders.close()
  })
  await web.start()
  return { web, orders: closing(t, client(web, Pricing, 'orders-grpc')), pricing, stock, ended }
}

type Stage = Awaited<ReturnType<typeof stage>>

const CALLS = {
  HTTP: ({ web }: Stage, timeoutMs?: number, signal?: AbortSignal) =>
    web.request('http://orders.mesh/', {
      method: 'POST',
      ...(timeoutMs === undefined ? {} : { mesh: { timeout: `${timeoutMs}ms` } }),
      ...(signal === undefined ? {} : { signal }),
    }),
  gRPC: ({ orders }: Stage, timeoutMs?: number, signal?: AbortSignal) =>
    abortable(orders, signal, timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs }),
} as const

function abortable(
  orders: PricingClient,
  signal: AbortSignal | undefined,
  options: object,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const call = orders.quote({ id: 'parent' }, new Metadata(), options, (error, answer) =>
      error === null ? resolve(answer) : reject(error),
    )
    signal?.addEventListener('abort', () => call.cancel(), { once: true })
  })
}

/** When the peer of `stock` left, in milliseconds after it came. */
const leftAfter = ({ entries }: Ledger): number => {
  const { abortedAtMs = Number.NaN, atMs } = entries[0]!
  return abortedAtMs - atMs
}

for (const inbound of ['HTTP', 'gRPC'] as const) {
  test(`the deadline of an inbound ${inbound} call bounds a gRPC child, and the handler did nothing for it`, async (t) => {
    const set = await stage(t, { work: ({ price }) => price() })
    const began = performance.now()
    await assert.rejects(Promise.resolve(CALLS[inbound](set, TIMEOUT)))
    const took = performance.now() - began
    await until(() => set.pricing.ledger.cancelled === 1, { what: 'the child to be cancelled', everyMs: 1 })
    const late = performance.now() - began - TIMEOUT
    t.diagnostic(
      `caller after ${took.toFixed(0)} ms of ${TIMEOUT}, child cancelled ${late.toFixed(0)} ms after (50)`,
    )
    assert.ok(late < 500, String(late))
    const left = Number(set.pricing.ledger.executions[0]!.deadline) - Date.now()
    assert.ok(left < TIMEOUT, 'the child was told what was left')
    await until(() => set.ended.length === 1, { what: 'the work to end' })
    const error = set.ended[0] as ServiceError
    // The news that the caller has given up may overtake the deadline here.
    assert.ok([DEADLINE_EXCEEDED, CANCELLED].includes(error.code), error.message)
  })

  test(`the deadline of an inbound ${inbound} call bounds an HTTP child, a write too`, async (t) => {
    const set = await stage(t, { work: ({ stock }) => stock('POST') })
    // What the handler made of it may come in time.
    await Promise.resolve(CALLS[inbound](set, TIMEOUT)).catch(() => {})
    await until(() => set.stock.totals.aborted === 1, { what: 'the child to be left' })
    const header = Number(set.stock.entries[0]!.headers['x-envoy-expected-rq-timeout-ms'])
    assert.ok(header > 0 && header <= TIMEOUT, String(header))
    t.diagnostic(`told ${header} ms, left after ${leftAfter(set.stock).toFixed(0)} ms`)
    assert.ok(leftAfter(set.stock) < TIMEOUT + 500)
    await until(() => set.ended.length === 1, { what: 'the work to end' })
    assert.match(String((set.ended[0] as { code?: string }).code), /^TULLE_(DEADLINE|CANCELLED)$/)
  })
}

/** The caller goes away once the children are on their way. */
async function leave(set: Stage, inbound: 'HTTP' | 'gRPC', children: number): Promise<void> {
  const abort = new AbortController()
  const asked = Promise.resolve(CALLS[inbound](set, undefined, abort.signal)).catch((error) => error)
  const arrived = (): number => set.pricing.ledger.executions.length + set.stock.entries.length
  await until(() => arrived() === children, { what: 'the children to arrive', seen: arrived })
  abort.abort(new Error('gone'))
  await asked
}

const both = ({ price, stock, mesh }: Work): Promise<unknown> =>
  Promise.all([price(), stock('GET'), stock('POST'), mesh.detached(price), mesh.detached(() => stock('GET'))])

for (const [inbound, idempotent, children, expected] of [
  ['gRPC', false, {}, { price: true, get: true, post: false }],
  ['HTTP', false, {}, { price: false, get: true, post: false }],
  ['HTTP', true, {}, { price: true, get: true, post: false }],
  ['HTTP', false, { cancel: 'all' }, { price: true, get: true, post: true }],
  ['gRPC', false, { cancel: 'all' }, { price: true, get: true, post: true }],
  ['gRPC', false, { cancel: 'safe' }, { price: false, get: true, post: false }],
  ['gRPC', true, { cancel: 'none' }, { price: false, get: false, post: false }],
] as const)
  test(`a caller by ${inbound} goes away: ${idempotent ? 'a repeatable' : 'any other'} gRPC child, cancel ${JSON.stringify(children)}: ${JSON.stringify(expected)}`, async (t) => {
    const set = await stage(t, { work: both, children, idempotent })
    await leave(set, inbound, 5)
    const gone = () => ({
      // grpc-js tells of the end of a call that was answered in the same way.
      price: set.pricing.ledger.executions.slice(0, 2).filter(({ cancelled }) => cancelled).length,
      get: set.stock.entries.filter(({ method, abortedAtMs }) => method === 'GET' && abortedAtMs).length,
      post: set.stock.entries.filter(({ method, abortedAtMs }) => method === 'POST' && abortedAtMs).length,
    })
    const wanted = { price: +expected.price, get: +expected.get, post: +expected.post }
    await until(() => JSON.stringify(gone()) === JSON.stringify(wanted), {
      what: JSON.stringify(wanted),
      seen: gone,
    })
    await round(set, inbound)
    // The two that were detached run on in any case.
    assert.deepEqual(gone(), wanted)
  })

/** What goes the same ways, and is answered, comes after all that went before it. */
async function round(set: Stage, inbound: 'HTTP' | 'gRPC'): Promise<void> {
  set.pricing.behaviour = {}
  set.stock.behave({})
  await CALLS[inbound](set)
  assert.equal(set.ended.at(-1), 'answered')
}

test('a deadline and a cancellation of a gRPC call reach the next one but one, over two meshes', async (t) => {
  const set = await stage(t, { work: ({ price }) => price() })
  const outer = createMesh({ service: 'outer', log: 'silent', env: {} })
  t.after(() => outer.close())
  const service = new PricingService()
  const implementation = {
    ...service.implementation,
    quote: (_call: unknown, done: Done) => {
      quote(set.orders, { id: 'middle' }).then(
        (answer) => done(null, answer),
        (error) => done(statusOf(error)),
      )
    },
  }
  const listening = await serve(outer, pricingGrpc({ implementation }), {
    host: '127.0.0.1',
    signals: false,
  })
  const caller = createMesh({
    service: 'caller',
    log: 'silent',
    env: {},
    endpoints: { outer: `127.0.0.1:${listening.port}` },
    policy: { version: 1, services: { outer: { routes: [{ match: { grpc: { service: PRICING } } }] } } },
  })
  t.after(() => caller.close())
  await caller.start()
  const first = closing(t, client(caller, Pricing, 'outer'))
  const late = await observe(first, 'quote', { options: { deadline: Date.now() + TIMEOUT } })
  assert.equal(late.error?.code, DEADLINE_EXCEEDED)
  await until(() => set.pricing.ledger.cancelled === 1, { what: 'the last to be cancelled' })
  const left = await observe(first, 'quote', {
    onCall: (call) =>
      void until(() => set.pricing.ledger.executions.length === 2, { what: 'the last' }).then(() =>
        call.cancel(),
      ),
  })
  assert.equal(left.error?.code, CANCELLED)
  await until(() => set.pricing.ledger.cancelled === 2, { what: 'the last to be cancelled again' })
})
