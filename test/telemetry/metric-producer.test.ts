import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { metrics } from '@opentelemetry/api'
import {
  AggregationTemporality,
  type DataPoint,
  type Histogram,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { createMetricProducer } from '../../src/telemetry/metric-producer.ts'
import { makeAttempt, makeCall } from '../kit/builders.ts'
import { Recorder } from '../kit/hops.ts'
import { meteredBench } from '../kit/metered.ts'
import { TestMeters } from '../kit/otel.ts'
import { answered, ok } from '../kit/outcomes.ts'

// One process, one order: first what the SDK counts, then what the producer does.
const { deps, below, call, attempt, request } = meteredBench()
const meters = new TestMeters()
let nowMs = Date.UTC(2026, 0, 1) + 500

const CALL = 'tulle.client.call.duration'
const callsOf = async (): Promise<unknown> => (await meters.point(CALL, {}))?.value.count

function one(ms: number): void {
  new Recorder().send(call, makeCall())
  deps.clock.advance(ms)
  below.last.answer(ok())
}

one(3)
const counted = callsOf()
const producer = createMetricProducer(() => nowMs)
const reader = new PeriodicExportingMetricReader({
  exporter: new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE),
  exportIntervalMillis: 3_600_000,
  exportTimeoutMillis: 3_600_000,
  metricProducers: [producer],
})
const provider = new MeterProvider({ readers: [reader] })
after(async () => {
  await provider.shutdown()
  await meters.stop()
})

async function histograms(name: string): Promise<DataPoint<Histogram>[]> {
  const { resourceMetrics, errors } = await reader.collect()
  assert.deepEqual(errors, [])
  assert.equal(resourceMetrics.resource.attributes['service.name'] !== undefined, true, "the SDK's own")
  const found = resourceMetrics.scopeMetrics
    .filter(({ scope }) => scope.name === 'tulle')
    .flatMap((scope) => scope.metrics)
    .find(({ descriptor }) => descriptor.name === name)
  assert.equal(found?.descriptor.unit, 's')
  return found.dataPoints as DataPoint<Histogram>[]
}

test('until a producer is made the histograms are those of the SDK; from then on nothing is recorded twice', async () => {
  assert.equal(await counted, 1)
  one(4)
  one(60)
  assert.equal(await callsOf(), 1)
  const [point, ...others] = await histograms(CALL)
  assert.deepEqual(others, [])
  assert.deepEqual(point?.attributes, {
    'tulle.service': 'orders',
    'tulle.route': 'orders',
    outcome: 'success',
  })
  const { count, sum, min, max, buckets } = point.value
  assert.deepEqual({ count, sum, min, max }, { count: 2, sum: 0.064, min: 0.004, max: 0.06 })
  assert.deepEqual(buckets.boundaries.slice(0, 5), [0.005, 0.01, 0.025, 0.05, 0.075])
  assert.deepEqual(buckets.counts.slice(0, 6), [1, 0, 0, 0, 1, 0])
})

test('it is cumulative from when counting began, until now', async () => {
  nowMs += 1250
  one(4)
  const [point] = await histograms(CALL)
  assert.equal(point?.value.count, 3)
  assert.deepEqual(point.startTime, [Date.UTC(2026, 0, 1) / 1000, 500_000_000])
  assert.deepEqual(point.endTime, [Date.UTC(2026, 0, 1) / 1000 + 1, 750_000_000])
  const [again] = (await createMetricProducer(() => nowMs).collect()).resourceMetrics.scopeMetrics
  assert.deepEqual(again?.metrics[0]?.dataPoints[0], point, 'a second producer tells the same')
})

test('attempts and requests are in it, each with the labels of the conventions', async () => {
  new Recorder().send(attempt, makeAttempt({ endpoint: deps.endpoint }))
  below.last.end(answered())
  new Recorder().send(request, makeCall())
  below.last.answer(ok())
  const [client] = await histograms('http.client.request.duration')
  assert.equal(client?.attributes['server.address'], 'orders')
  assert.equal(client.attributes['http.response.status_code'], 503)
  assert.equal(client.attributes['error.type'], '503')
  const [server] = await histograms('http.server.request.duration')
  assert.equal(server?.attributes['url.scheme'], 'http')
})

test('a reader whose meter provider is not the global one gets them all the same', async () => {
  metrics.disable()
  const before = (await histograms(CALL))[0]?.value.count ?? 0
  one(4)
  assert.equal((await histograms(CALL))[0]?.value.count, before + 1)
})
