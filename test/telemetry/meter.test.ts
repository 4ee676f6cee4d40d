import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { MeshError } from '../../src/core/errors.ts'
import { refusal } from '../../src/core/outcome.ts'
import { meter } from '../../src/telemetry/meter.ts'
import { layerContract } from '../contract/layer.ts'
import { makeCall, makeRoute } from '../kit/builders.ts'
import { Recorder } from '../kit/hops.ts'
import { meteredBench } from '../kit/metered.ts'
import { TestMeters } from '../kit/otel.ts'
import { ok } from '../kit/outcomes.ts'

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
