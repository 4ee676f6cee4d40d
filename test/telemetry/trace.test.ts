import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { trace as otel, ROOT_CONTEXT, SpanKind, SpanStatusCode } from '@opentelemetry/api'
import type { SpanProcessor } from '@opentelemetry/sdk-trace-node'
import { MeshError } from '../../src/core/errors.ts'
import { refusal } from '../../src/core/outcome.ts'
import { trace } from '../../src/telemetry/trace.ts'
import { tracing } from '../../src/telemetry/tracing.ts'
import { layerContract } from '../contract/layer.ts'
import { FakeEndpoint, makeCall, makeDeps, makeRoute } from '../kit/builders.ts'
import { Recorder, ScriptedHop } from '../kit/hops.ts'
import { parentIdOf, TestSdk } from '../kit/otel.ts'
import { answered, ok, reset } from '../kit/outcomes.ts'

const deps = makeDeps()
const below = new ScriptedHop<ReturnType<typeof makeCall>>(deps.clock)
// Built before the SDK exists, as in an application that starts its telemetry last.
const hop = trace.layer(undefined, deps)!(below.hop)

let broken = false
const fragile: SpanProcessor = {
  onStart() {
    if (broken) throw new Error('a bad processor')
  },
  onEnd() {
    if (broken) throw new Error('a bad processor')
  },
  forceFlush: async () => {},
  shutdown: async () => {},
}
const sdk = new TestSdk({ processors: [fragile] })

beforeEach(() => {
  sdk.taken()
})

layerContract('trace with an SDK', 'call', (own) => trace.layer(undefined, own)!)

test('one internal span per call says what was asked, where it went and in how many attempts', () => {
  const call = makeCall({ route: makeRoute({ name: 'orders.routes[1]', policyVersion: '7' }) })
  new Recorder().send(hop, call)
  call.attempts = 2
  call.endpoint = new FakeEndpoint(deps.service, 4002)
  below.last.answer(ok())
  const [span, ...more] = sdk.taken()
  assert.equal(more.length, 0)
  assert.equal(span?.name, 'tulle orders')
  assert.equal(span.kind, SpanKind.INTERNAL)
  assert.equal(span.status.code, SpanStatusCode.UNSET)
  assert.deepEqual(span.attributes, {
    'tulle.service': 'orders',
    'tulle.route': 'orders.routes[1]',
    'tulle.policy.version': '7',
    'tulle.attempts': 2,
    'tulle.endpoint': '127.0.0.1:4002',
  })
})

test('a failure is an error of few kinds, its message beside it', () => {
  for (const [outcome, type] of [
    [reset(), 'TULLE_RESET'],
    [answered('gateway-error'), '503'],
    [refusal(new MeshError('TULLE_CIRCUIT_OPEN', 'open')), 'TULLE_CIRCUIT_OPEN'],
  ] as const) {
    new Recorder().send(hop, makeCall())
    below.last.end(outcome)
    const [span] = sdk.taken()
    assert.equal(span?.attributes['error.type'], type)
    assert.equal(span.status.code, SpanStatusCode.ERROR)
    assert.equal(span.status.message, outcome.error?.message)
  }
})

test('an answer the peer meant is no error, and neither is a caller that leaves', () => {
  new Recorder().send(hop, makeCall())
  below.last.answer(ok({ code: 404 }))
  new Recorder().send(hop, makeCall()).cancel('caller')
  for (const span of sdk.taken()) assert.equal(span.status.code, SpanStatusCode.UNSET)
})

test('the span is a child of what was active at the call', () => {
  const outer = sdk.tracer().startSpan('handler')
  const context = otel.setSpan(ROOT_CONTEXT, outer)
  const captured = tracing.with(context, () => tracing.capture())
  assert.equal(captured, context)
  new Recorder().send(hop, makeCall({ ambient: { context: captured } }))
  below.last.answer(ok())
  assert.equal(parentIdOf(sdk.taken()[0]!), outer.spanContext().spanId)
})

test('where only headers are known, it is a child of what they said', () => {
  const context = {
    traceId: '12345678901234567890123456789012',
    spanId: '1234567890123456',
    flags: 1,
    state: 'foo=1',
  }
  new Recorder().send(hop, makeCall({ ambient: { trace: context } }))
  below.last.answer(ok())
  const [span] = sdk.taken()
  assert.equal(span?.spanContext().traceId, context.traceId)
  assert.equal(span.spanContext().traceState?.serialize(), 'foo=1')
  assert.equal(parentIdOf(span), context.spanId)
  assert.equal(span.parentSpanContext?.isRemote, true)
})

test('a call whose parent is not sampled is not recorded, and its attempts know', () => {
  const ambient = {
    trace: { traceId: '12345678901234567890123456789012', spanId: '1234567890123456', flags: 0 },
  }
  const call = makeCall({ ambient })
  const top = new Recorder().send(hop, call)
  below.last.answer(ok())
  assert.equal(top.ended, true)
  assert.equal(sdk.taken().length, 0)
  assert.equal(otel.getSpanContext(call.span as never)?.traceFlags, 0)
})

test('a span processor that throws takes nothing from the call', () => {
  broken = true
  try {
    const top = new Recorder().send(hop, makeCall())
    below.last.answer(ok())
    assert.equal(top.outcome?.class, 'success')
  } finally {
    broken = false
  }
})
