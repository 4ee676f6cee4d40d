import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { context, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import { MeshError } from '../../src/core/errors.ts'
import { refusal } from '../../src/core/outcome.ts'
import { meterIn } from '../../src/telemetry/meter-in.ts'
import { layerContract } from '../contract/layer.ts'
import { makeCall } from '../kit/builders.ts'
import { Recorder } from '../kit/hops.ts'
import { meteredBench } from '../kit/metered.ts'
import { TestMeters, TestSdk } from '../kit/otel.ts'
import { ok } from '../kit/outcomes.ts'
import { rpcAnswer, rpcCall } from '../kit/rpc.ts'

// The layers are built first, as in an application that starts its telemetry last.
const { deps, below, request } = meteredBench()
const meters = new TestMeters()
after(() => meters.stop())

layerContract('meter (inbound)', 'call', (own) => meterIn.layer(undefined, own)!)

test('inbound requests are timed by method, pattern and status; refusals by the status they get', async () => {
  new Recorder().send(request, makeCall({ pattern: '/items/:id', method: 'BREW' }))
  deps.clock.advance(5)
  below.last.answer(ok({ code: 404 }))
  const point = await meters.point('http.server.request.duration', { 'http.route': '/items/:id' })
  assert.deepEqual(point?.attributes, {
    'http.request.method': '_OTHER',
    'url.scheme': 'http',
    'http.route': '/items/:id',
    'http.response.status_code': 404,
  })
  assert.equal(point.value.sum, 0.005)
  new Recorder().send(request, makeCall())
  below.last.end(refusal(new MeshError('TULLE_TOO_LATE', 'late')))
  const late = await meters.point('http.server.request.duration', { 'error.type': 'TULLE_TOO_LATE' })
  assert.equal(late?.attributes['http.response.status_code'], 504)
})

test('gRPC calls that arrive are timed by method and status, and are no HTTP requests', async () => {
  const http = (await meters.points('http.server.request.duration')).length
  new Recorder().send(request, rpcCall({ path: '/pricing.v1.Pricing/Deny' }))
  deps.clock.advance(5)
  below.last.answer(rpcAnswer(7))
  const denied = await meters.point('rpc.server.call.duration', { 'rpc.method': 'pricing.v1.Pricing/Deny' })
  assert.deepEqual(denied?.attributes, {
    'rpc.system.name': 'grpc',
    'rpc.method': 'pricing.v1.Pricing/Deny',
    'rpc.response.status_code': 'PERMISSION_DENIED',
  })
  assert.equal(denied.value.sum, 0.005)
  new Recorder().send(request, rpcCall())
  below.last.end(refusal(new MeshError('TULLE_TOO_LATE', 'late')))
  const late = await meters.point('rpc.server.call.duration', { 'error.type': 'TULLE_TOO_LATE' })
  assert.equal(late?.attributes['rpc.response.status_code'], 'DEADLINE_EXCEEDED')
  assert.equal((await meters.points('http.server.request.duration')).length, http)
})

test('labels taken from strangers are bounded, and what is too much is still counted', async () => {
  for (let n = 0; n < 3000; n++) {
    new Recorder().send(request, makeCall({ pattern: `/made-up/${n}` }))
    below.last.answer(ok())
  }
  const points = await meters.points('http.server.request.duration')
  assert.ok(points.length <= 1001, `${points.length} label sets`)
  const overflow = points.find((point) => point.attributes['otel.metric.overflow'] === true)
  assert.ok(overflow !== undefined && overflow.value.count >= 1990)
  const total = points.reduce((sum, point) => sum + point.value.count, 0)
  assert.ok(total >= 3000)
})

test('where an instrumentation watches the request, the histogram is its business', async () => {
  const theirs = new TestSdk().tracer().startSpan('GET', { kind: SpanKind.SERVER })
  context.with(trace.setSpan(ROOT_CONTEXT, theirs), () =>
    new Recorder().send(request, makeCall({ pattern: '/theirs' })),
  )
  below.last.answer(ok())
  assert.equal(await meters.point('http.server.request.duration', { 'http.route': '/theirs' }), undefined)
})
