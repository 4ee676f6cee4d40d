import assert from 'node:assert/strict'
import { constants } from 'node:http2'
import { test } from 'node:test'
import { credentials, status } from '@grpc/grpc-js'
import { closing, observe, quote } from './observe.ts'
import { PRICING, Pricing } from './pricing.ts'
import { pricingServer } from './pricing-server.ts'
import {
  answerWith,
  frame,
  goawayBelow,
  plainAnswer,
  rawGrpcServer,
  reset,
  trailersOnly,
} from './raw-server.ts'

const clientOf = (t: { after(fn: () => unknown): void }, address: string, options = {}) =>
  closing(t, new Pricing(address, credentials.createInsecure(), { 'grpc.enable_retries': 0, ...options }))

test('the pricing server answers every kind of call and writes down what it executed', async (t) => {
  const server = await pricingServer(
    t,
    { trailers: { 'x-t': '1' }, initial: { 'x-i': '2' } },
    { name: 'one' },
  )
  const client = clientOf(t, server.address)
  const asks = [1, 2, 3].map((n) => ({
    sku: 's',
    id: `id-${n}`,
    quantity: n,
    payload: Buffer.alloc(n),
    count: 3,
  }))
  for (const [method, count] of [
    ['quote', 1],
    ['upload', 1],
    ['watch', 3],
    ['chat', 3],
  ] as const) {
    const seen = await observe(client, method, { asks })
    assert.equal(seen.status?.code, status.OK, method)
    assert.equal(seen.answers.length, count, method)
    assert.equal(seen.answers[0]?.servedBy, 'one')
    assert.deepEqual(seen.metadata?.['x-i'], ['2'])
    assert.deepEqual(seen.status?.metadata['x-t'], ['1'])
    assert.equal(seen.peer, server.address)
  }
  assert.equal(server.ledger.times('id-1'), 4)
  assert.deepEqual(
    server.ledger.executions.map(({ method, seen, seenBytes }) => [method, seen, seenBytes]),
    [
      ['quote', 1, 1],
      ['upload', 3, 6],
      ['watch', 1, 1],
      ['chat', 3, 6],
    ],
  )
})

test('a behaviour may be a code, with or without headers before it, slow, deaf, or never', async (t) => {
  const server = await pricingServer(t, (_, nth) =>
    nth === 1 ? { code: status.UNAVAILABLE, pushback: '7' } : {},
  )
  const client = clientOf(t, server.address)
  const first = await observe(client, 'quote')
  assert.deepEqual(
    [first.status?.code, first.status?.metadata, first.metadata],
    [14, { 'content-type': ['application/grpc+proto'], 'grpc-retry-pushback-ms': ['7'] }, undefined],
  )
  assert.equal((await quote(client)).servedBy, 'pricing')

  server.behaviour = { code: status.ABORTED, initial: {}, after: 2, details: 'enough' }
  const cut = await observe(client, 'watch', { asks: [{ count: 9 }] })
  assert.deepEqual([cut.answers.length, cut.status?.code, cut.status?.details], [2, status.ABORTED, 'enough'])
  const talk = await observe(client, 'chat', { asks: [{}, {}, {}] })
  assert.deepEqual([talk.answers.length, talk.status?.code], [2, status.ABORTED])

  server.behaviour = { never: true }
  const late = await observe(client, 'chat', { options: { deadline: Date.now() + 50 } })
  assert.equal(late.status?.code, status.DEADLINE_EXCEEDED)

  server.behaviour = { stall: true, after: 1 }
  const stalled = await observe(client, 'watch', {
    asks: [{ count: 9 }],
    options: { deadline: Date.now() + 200 },
  })
  assert.deepEqual([stalled.answers.length, stalled.status?.code], [1, status.DEADLINE_EXCEEDED])
})

test('the raw server answers with the frames it is told to', async (t) => {
  const raw = await rawGrpcServer(t, (call) => answerWith(call, [frame(Buffer.alloc(0))]))
  const client = clientOf(t, raw.address)
  assert.equal((await observe(client, 'quote')).status?.code, 0)
  assert.equal(raw.calls[0]?.headers[':path'], `/${PRICING}/Quote`)
  const codes: number[] = []
  for (const answer of [
    (call) => trailersOnly(call, status.NOT_FOUND),
    (call) => reset(call, constants.NGHTTP2_REFUSED_STREAM),
    (call) => reset(call, constants.NGHTTP2_CANCEL, { headersFirst: true }),
    (call) => plainAnswer(call, 404, 'text/plain', '404 page not found'),
    (call) => goawayBelow(call),
  ] satisfies (typeof raw.answer)[]) {
    raw.answer = answer
    codes.push((await observe(client, 'quote')).status?.code as number)
  }
  assert.deepEqual(codes, [
    status.NOT_FOUND,
    status.UNAVAILABLE,
    status.CANCELLED,
    status.UNIMPLEMENTED,
    status.UNAVAILABLE,
  ])
})
