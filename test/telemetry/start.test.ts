import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { context, trace as otel, propagation } from '@opentelemetry/api'
import { InMemorySpanExporter, SimpleSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-node'
import { isMeshError } from '../../src/core/errors.ts'
import { activeTracer } from '../../src/telemetry/otel.ts'
import { startTelemetry, type Telemetry, type TelemetryOptions } from '../../src/telemetry/start.ts'
import { trace } from '../../src/telemetry/trace.ts'
import { makeCall, makeDeps } from '../kit/builders.ts'
import { Recorder, ScriptedHop } from '../kit/hops.ts'
import { TestSdk } from '../kit/otel.ts'
import { ok } from '../kit/outcomes.ts'

const deps = makeDeps()
const below = new ScriptedHop<ReturnType<typeof makeCall>>(deps.clock)
const hop = trace.layer(undefined, deps)!(below.hop)
const callOnce = (): Recorder => {
  const top = new Recorder().send(hop, makeCall())
  below.last.answer(ok())
  return top
}

let started: Telemetry | undefined
const start = (options?: TelemetryOptions): Telemetry => {
  started = startTelemetry(options)
  return started
}
const inMemory = () => {
  const exporter = new InMemorySpanExporter()
  return { exporter, spanProcessors: [new SimpleSpanProcessor(exporter)] }
}
const NAMES = [
  'OTEL_SDK_DISABLED',
  'OTEL_TRACES_EXPORTER',
  'OTEL_TRACES_SAMPLER',
  'OTEL_TRACES_SAMPLER_ARG',
  'OTEL_PROPAGATORS',
  'OTEL_SERVICE_NAME',
  'OTEL_EXPORTER_OTLP_PROTOCOL',
  'OTEL_BSP_MAX_QUEUE_SIZE',
  'OTEL_BSP_EXPORT_TIMEOUT',
  'OTEL_BSP_MAX_EXPORT_BATCH_SIZE',
]

describe('startTelemetry', () => {
  beforeEach(() => {
    for (const name of NAMES) delete process.env[name]
  })
  afterEach(async () => {
    await started?.shutdown()
    started = undefined
  })

  test('after it, calls have spans that carry the name of the service', () => {
    process.env.OTEL_SERVICE_NAME = 'web'
    const { exporter, spanProcessors } = inMemory()
    start({ spanProcessors })
    callOnce()
    const [span] = exporter.getFinishedSpans()
    assert.equal(span?.name, 'tulle orders')
    assert.equal(span.resource.attributes['service.name'], 'web')
  })

  test('a second call returns what the first one started', () => {
    const first = start({ spanProcessors: [] })
    assert.equal(startTelemetry(), first)
  })

  test('after shutdown nothing is left, and it may be started anew', async () => {
    const first = start({ spanProcessors: [] })
    await first.shutdown()
    await first.shutdown()
    assert.equal(activeTracer(), undefined)
    assert.deepEqual(propagation.fields(), [])
    const { exporter, spanProcessors } = inMemory()
    start({ spanProcessors })
    callOnce()
    assert.equal(exporter.getFinishedSpans().length, 1)
  })

  test('async context works from the start', async () => {
    start({ spanProcessors: [] })
    const span = activeTracer()!.startSpan('one')
    const seen = await context.with(otel.setSpan(context.active(), span), async () => {
      await Promise.resolve()
      return otel.getActiveSpan()
    })
    assert.equal(seen, span)
  })

  test('the sampler is the one the environment names', () => {
    process.env.OTEL_TRACES_SAMPLER = 'always_off'
    const { exporter, spanProcessors } = inMemory()
    start({ spanProcessors })
    callOnce()
    assert.equal(exporter.getFinishedSpans().length, 0)
  })

  test('OTEL_SDK_DISABLED leaves everything undone', async () => {
    process.env.OTEL_SDK_DISABLED = 'true'
    const telemetry = start()
    assert.equal(activeTracer(), undefined)
    await telemetry.flush()
  })

  test('OTEL_TRACES_EXPORTER=none keeps propagation without sending anything', () => {
    process.env.OTEL_TRACES_EXPORTER = 'none'
    start()
    assert.notEqual(activeTracer(), undefined)
    assert.deepEqual(propagation.fields(), ['traceparent', 'tracestate', 'baggage'])
  })

  for (const [what, env, says] of [
    ['an exporter that is not installed', {}, /exporter-trace-otlp-proto is not installed/],
    [
      'an exporter for gRPC',
      { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      /exporter-trace-otlp-grpc is not installed/,
    ],
    ['an unknown protocol', { OTEL_EXPORTER_OTLP_PROTOCOL: 'carrier/pigeon' }, /found "carrier\/pigeon"/],
    [
      'an unknown exporter',
      { OTEL_TRACES_EXPORTER: 'zipkin' },
      /expected otlp, console or none, found "zipkin"/,
    ],
    ['an unknown propagator', { OTEL_PROPAGATORS: 'xray' }, /found "xray"/],
  ] as const)
    test(`${what} is a configuration error, and nothing is left half done`, () => {
      Object.assign(process.env, env)
      assert.throws(
        () => start(),
        (error) => isMeshError(error) && error.code === 'TULLE_CONFIG' && says.test(error.message),
      )
      assert.equal(activeTracer(), undefined)
    })

  test('where OpenTelemetry is set up already, it says so and changes nothing', () => {
    const sdk = new TestSdk()
    try {
      assert.throws(() => start(), /set up in this process already/)
      callOnce()
      assert.equal(sdk.taken().length, 1)
    } finally {
      otel.disable()
      context.disable()
      propagation.disable()
    }
  })

  test('an exporter that never answers costs no call anything, and keeps a bounded queue', async () => {
    process.env.OTEL_BSP_EXPORT_TIMEOUT = '50'
    process.env.OTEL_BSP_MAX_QUEUE_SIZE = '64'
    process.env.OTEL_BSP_MAX_EXPORT_BATCH_SIZE = '16'
    const held: number[] = []
    const dead: SpanExporter = {
      export(spans) {
        held.push(spans.length)
      },
      shutdown: async () => {},
    }
    start({ exporter: dead })
    for (let n = 0; n < 5000; n++) assert.equal(callOnce().outcome?.class, 'success')
    await started?.shutdown()
    const handed = held.reduce((sum, length) => sum + length, 0)
    assert.ok(handed <= 16 + 64, `${handed} spans were handed over`)
  })

  test('an exporter that throws is not the caller’s trouble', () => {
    const broken: SpanExporter = {
      export() {
        throw new Error('no route to the collector')
      },
      shutdown: async () => {},
    }
    start({ spanProcessors: [new SimpleSpanProcessor(broken)] })
    assert.equal(callOnce().outcome?.class, 'success')
  })
})
