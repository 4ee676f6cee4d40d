import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { MeshError } from '../../src/core/errors.ts'
import { refusal } from '../../src/core/outcome.ts'
import { meter } from '../../src/telemetry/meter.ts'
import { layerContract } from '../contract/layer.ts'
import { FakeEndpoint, makeCall, makeRoute } from '../kit/builders.ts'
import { Recorder } from '../kit/hops.ts'
import { meteredBench } from '../kit/metered.ts'
import { TestMeters } from '../kit/otel.ts'
import { ok } from '../kit/outcomes.ts'
import { QUOTE, rpcAnswer, rpcCall, unavailable } from '../kit/rpc.ts'

// The layers are built first, as in an application that starts its telemetry last.
const { deps, below, call } = meteredBench()
const meters = new TestMeters()
after(() => meters.stop())

layerContract('meter', 'call', (own) => meter.layer(undefined, own)!)

test('the duration of a call is the time the application waited, in seconds', async () => {
  const route = makeRoute({ name: 'orders.routes[4]' })
  new Recorder().send(call, makeCall({ route }))
  deps.clock.advance(250)
  below.last.answer(ok())
  const point = await meters.point('tulle.client.call.duration', { 'tulle.route': 'orders.routes[4]' })
  assert.deepEqual(point?.attributes, {
    'tulle.service': 'orders',
    'tulle.route': 'orders.routes[4]',
    outcome: 'success',
  })
  assert.equal(point.value.sum, 0.25)
  assert.equal(point.value.count, 1)
  assert.deepEqual(point.value.buckets.boundaries.slice(0, 3), [0.005, 0.01, 0.025])
})

test('a refusal is told by its code', async () => {
  new Recorder().send(call, makeCall())
  below.last.end(refusal(new MeshError('TULLE_OVERLOADED', 'full')))
  const point = await meters.point('tulle.client.call.duration', { 'error.type': 'TULLE_OVERLOADED' })
  assert.equal(point?.value.count, 1)
})

test('a gRPC call is measured by the RPC conventions as well, once however many attempts it took', async () => {
  const unit = rpcCall()
  new Recorder().send(call, unit)
  unit.attempts = 2
  unit.endpoint = new FakeEndpoint(deps.service, 4011)
  deps.clock.advance(300)
  below.last.answer(rpcAnswer(0))
  const point = await meters.point('rpc.client.call.duration', { 'server.port': 4011 })
  assert.deepEqual(point?.attributes, {
    'rpc.system.name': 'grpc',
    'rpc.method': QUOTE,
    'rpc.response.status_code': 'OK',
    'server.address': 'pricing',
    'server.port': 4011,
  })
  assert.equal(point.value.sum, 0.3)
  assert.equal(point.value.count, 1)
  assert.deepEqual(
    point.value.buckets.boundaries,
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  )
  const own = await meters.point('tulle.client.call.duration', { 'tulle.service': 'pricing' })
  assert.equal(own?.value.sum, 0.3)
})

test('a gRPC code is no HTTP status: NOT_FOUND is an answer, UNAVAILABLE an error', async () => {
  const path = '/pricing.v1.Pricing/Find'
  for (const outcome of [rpcAnswer(5), unavailable()]) {
    new Recorder().send(call, rpcCall({ path, target: { service: 'found' } }))
    below.last.answer(outcome)
  }
  const own = await meters.points('tulle.client.call.duration')
  const types = own
    .filter(({ attributes }) => attributes['tulle.service'] === 'found')
    .map(({ attributes }) => [attributes['outcome'], attributes['error.type']])
  assert.deepEqual(types, [
    ['success', undefined],
    ['failure', 'UNAVAILABLE'],
  ])
  // The convention of clients: every status but OK.
  const missed = await meters.point('rpc.client.call.duration', {
    'server.address': 'found',
    'rpc.response.status_code': 'NOT_FOUND',
  })
  assert.equal(missed?.attributes['error.type'], 'NOT_FOUND')
})

test('an HTTP call is no remote procedure call', async () => {
  const count = async (): Promise<number> =>
    (await meters.points('rpc.client.call.duration')).reduce((sum, point) => sum + point.value.count, 0)
  const before = await count()
  new Recorder().send(call, makeCall())
  below.last.answer(ok())
  assert.equal(await count(), before)
})

test('methods that a generic client makes up are bounded, and still counted', async () => {
  for (let n = 0; n < 1500; n++) {
    new Recorder().send(call, rpcCall({ path: `/made.Up/M${n}` }))
    below.last.answer(rpcAnswer(0))
  }
  const points = await meters.points('rpc.client.call.duration')
  assert.ok(points.length <= 1001, `${points.length} label sets`)
  const rest = points.find((point) => point.attributes['otel.metric.overflow'] === true)
  assert.ok(rest !== undefined && rest.value.count >= 490)
})
