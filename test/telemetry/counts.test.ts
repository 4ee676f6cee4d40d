import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { countsOf } from '../../src/telemetry/counts.ts'
import { meterTry } from '../../src/telemetry/meter-try.ts'
import { FakeEndpoint, makeAttempt, makeCall } from '../kit/builders.ts'
import { Recorder } from '../kit/hops.ts'
import { meteredBench } from '../kit/metered.ts'
import { TestMeters } from '../kit/otel.ts'
import { answered, ok } from '../kit/outcomes.ts'

// The layers are built first, as in an application that starts its telemetry last.
const { deps, below, events, call } = meteredBench()
const meters = new TestMeters()
after(() => meters.stop())

test('attempts are counted per endpoint and outcome, and forgotten with the endpoint', async () => {
  const count = async (outcome: string): Promise<unknown> =>
    (await meters.point('tulle.client.attempts', { 'tulle.endpoint': '127.0.0.1:4055', outcome }))?.value
  const endpoint = new FakeEndpoint(deps.service, 4055)
  deps.service.endpoints.push(endpoint)
  const hop = meterTry.layer(undefined, { ...deps, endpoint })!(below.hop)
  new Recorder().send(call, makeCall())
  below.last.answer(ok())
  for (const outcome of [ok(), ok(), answered()]) {
    new Recorder().send(hop, makeAttempt({ endpoint }))
    below.last.end(outcome)
  }
  new Recorder().send(hop, makeAttempt({ endpoint })).cancel('caller')
  assert.equal(await count('success'), 2)
  assert.equal(await count('failure'), 1)
  assert.equal(await count('ignored'), 1)
  deps.service.endpoints.pop()
  await meters.points('tulle.client.attempts')
  assert.deepEqual(countsOf(events).endpoint(endpoint), { success: 0, failure: 0, ignored: 0 })
})

test('plaintext requests are counted by address, refused connections by reason, and strangers cannot make more of either', async () => {
  new Recorder().send(call, makeCall())
  below.last.answer(ok())
  for (let at = 0; at < 150; at++) events.emit('plaintext-request', { peer: `10.0.0.${at}` })
  events.emit('plaintext-request', { peer: '10.0.0.1' })
  events.emit('connection-refused', { reason: 'expired', peer: '10.0.0.1' })
  const [name, overflow] = ['tulle.server.plaintext_requests', { 'otel.metric.overflow': true }]
  assert.equal((await meters.point(name, { peer: '10.0.0.1' }))?.value, 2)
  assert.equal((await meters.point(name, overflow))?.value, 50)
  assert.equal((await meters.point('tulle.server.connections_refused', { reason: 'expired' }))?.value, 1)
})

test('retries, ejections and the breaker are shown as they happen', async () => {
  new Recorder().send(call, makeCall())
  below.last.answer(ok())
  const service = 'orders'
  events.emit('retry', { service, number: 2, afterMs: 25, condition: 'reset', transparent: false })
  events.emit('retry', { service, number: 3, afterMs: 50, condition: 'reset', transparent: false })
  events.emit('retry-refused', { service, reason: 'budget' })
  events.emit('ejected', {
    service,
    endpoint: '127.0.0.1:4001',
    forMs: 1000,
    reason: 'consecutive failures',
  })
  events.emit('breaker', { service, state: 'open' })
  deps.endpoint.ejected = true
  const known = deps.service.endpoints.length
  const labels = { 'tulle.service': service }
  assert.equal((await meters.point('tulle.retries', labels))?.value, 2)
  assert.equal((await meters.point('tulle.retries.refused', { ...labels, reason: 'budget' }))?.value, 1)
  assert.equal((await meters.point('tulle.ejections', labels))?.value, 1)
  assert.equal((await meters.point('tulle.breaker.state', labels))?.value, 2)
  assert.equal((await meters.point('tulle.endpoints.known', labels))?.value, known)
  assert.equal((await meters.point('tulle.endpoints.available', labels))?.value, known - 1)
})

test('an endpoint list of any size is reported within bounds', async () => {
  const own = meteredBench()
  own.deps.service.endpoints.length = 0
  for (const endpoint of own.deps.service.populate(1500)) {
    const hop = meterTry.layer(undefined, { ...own.deps, endpoint })!(own.below.hop)
    new Recorder().send(hop, makeAttempt({ endpoint }))
    own.below.last.answer(ok())
  }
  new Recorder().send(own.call, makeCall())
  own.below.last.answer(ok())
  const attempts = await meters.points('tulle.client.attempts')
  const rest = attempts.find(
    ({ attributes }) => attributes['otel.metric.overflow'] === true && attributes.outcome === 'success',
  )
  assert.equal(rest?.value, 1000)
  own.deps.service.endpoints.length = 0
  await meters.points('tulle.client.attempts')
  own.events.emit('state', { from: 'draining', to: 'closed' })
})

test('a closed mesh is not observed any more', async () => {
  const own = meteredBench()
  const service = makeCall({ target: { service: 'orders' } })
  new Recorder().send(own.call, service)
  own.below.last.answer(ok())
  own.events.emit('retry', {
    service: 'orders',
    number: 2,
    afterMs: 1,
    condition: undefined,
    transparent: true,
  })
  assert.equal(own.events.wants('retry'), true)
  own.events.emit('state', { from: 'draining', to: 'closed' })
  assert.equal(own.events.wants('retry'), false)
})

test('addresses that come and go leave nothing behind where nobody ever looks', () => {
  const own = meteredBench()
  const counts = countsOf(own.events)
  const before = counts.kept
  for (let round = 0; round < 100; round++) {
    own.deps.service.endpoints.length = 0
    for (const endpoint of own.deps.service.populate(50)) counts.endpoint(endpoint)
  }
  assert.ok(counts.kept <= before + 200, `${counts.kept} kept`)
})
