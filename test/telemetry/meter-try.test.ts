import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { after, test } from 'node:test'
import { countsOf } from '../../src/telemetry/counts.ts'
import { meterTry } from '../../src/telemetry/meter-try.ts'
import { layerContract } from '../contract/layer.ts'
import { FakeEndpoint, makeAttempt, makeCall } from '../kit/builders.ts'
import { Recorder } from '../kit/hops.ts'
import { meteredBench } from '../kit/metered.ts'
import { TestMeters } from '../kit/otel.ts'
import { ok, reset, undecided } from '../kit/outcomes.ts'
import { rpcAnswer, rpcCall, unavailable } from '../kit/rpc.ts'

// The layers are built first, as in an application that starts its telemetry last.
const { deps, below, attempt } = meteredBench()
const meters = new TestMeters()
after(() => meters.stop())

layerContract('meter-try', 'attempt', (own) => meterTry.layer(undefined, own)!)

test('an attempt is timed from its start, by the stable conventions', async () => {
  const endpoint = new FakeEndpoint(deps.service, 4009)
  const unit = makeAttempt({ call: makeCall({ method: 'PUT' }), endpoint, startedMs: deps.clock.now() })
  deps.clock.advance(30)
  new Recorder().send(attempt, unit)
  deps.clock.advance(20)
  below.last.head(undecided({ code: 503 }))
  below.last.end(reset())
  const point = await meters.point('http.client.request.duration', { 'server.port': 4009 })
  assert.deepEqual(point?.attributes, {
    'http.request.method': 'PUT',
    'server.address': 'orders',
    'server.port': 4009,
    'http.response.status_code': 503,
    'error.type': 'TULLE_RESET',
  })
  assert.equal(point.value.sum, 0.05)
})

test('where undici is instrumented, the client histogram is its business', async () => {
  const theirs = (): void => {}
  const endpoint = new FakeEndpoint(deps.service, 9077)
  subscribe('undici:request:create', theirs)
  try {
    new Recorder().send(attempt, makeAttempt({ endpoint }))
    below.last.answer(ok())
  } finally {
    unsubscribe('undici:request:create', theirs)
  }
  assert.equal(await meters.point('http.client.request.duration', { 'server.port': 9077 }), undefined)
})

test('an attempt at a gRPC call counts for its endpoint and is no HTTP request', async () => {
  const http = (await meters.points('http.client.request.duration')).length
  const before = { ...countsOf(deps.events).endpoint(deps.endpoint) }
  for (const outcome of [rpcAnswer(0), rpcAnswer(5), unavailable()]) {
    new Recorder().send(attempt, makeAttempt({ call: rpcCall(), endpoint: deps.endpoint }))
    below.last.answer(outcome)
  }
  const counts = countsOf(deps.events).endpoint(deps.endpoint)
  assert.equal(counts.success - before.success, 2)
  assert.equal(counts.failure - before.failure, 1)
  assert.equal((await meters.points('http.client.request.duration')).length, http)
})
