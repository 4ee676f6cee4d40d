import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import {
  type Context,
  context,
  trace as otel,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
} from '@opentelemetry/api'
import type { Ambient } from '../../src/core/ambient.ts'
import type { Attempt } from '../../src/core/attempt.ts'
import type { Call } from '../../src/core/call.ts'
import { MeshError } from '../../src/core/errors.ts'
import { refusal } from '../../src/core/outcome.ts'
import { readTraceContext } from '../../src/core/traceparent.ts'
import { trace } from '../../src/telemetry/trace.ts'
import { traceIn } from '../../src/telemetry/trace-in.ts'
import { traceTry } from '../../src/telemetry/trace-try.ts'
import { tracing } from '../../src/telemetry/tracing.ts'
import { layerContract } from '../contract/layer.ts'
import { makeAttempt, makeCall, makeDeps } from '../kit/builders.ts'
import { Recorder, ScriptedHop } from '../kit/hops.ts'
import { idOf, parentIdOf, TestSdk } from '../kit/otel.ts'
import { answered, ok } from '../kit/outcomes.ts'

const sdk = new TestSdk()
const deps = makeDeps()
const below = new ScriptedHop<Call<undefined>>(deps.clock)
const hop = traceIn.layer(undefined, deps)!(below.hop)
const TRACE = {
  traceId: '12345678901234567890123456789012',
  spanId: '1234567890123456',
  flags: 1,
  state: 'foo=1',
}

beforeEach(() => {
  sdk.taken()
})

layerContract('trace (inbound) with an SDK', 'call', (own) => traceIn.layer(undefined, own)!)

/** As the server makes one. */
function inbound(ambient: Ambient = {}, more: Partial<Call<undefined>> = {}): Call<undefined> {
  const call = makeCall({
    ambient,
    peer: { address: '10.0.0.9' },
    setAmbient(next: Ambient) {
      ;(call as { ambient: Ambient }).ambient = next
    },
    ...more,
  })
  return call
}

test('a server span per request, a child of the caller, named by the pattern of its route', () => {
  const call = inbound({ trace: TRACE }, { method: 'POST', path: '/items/7', pattern: '/items/:id' })
  new Recorder().send(hop, call)
  below.last.answer(ok({ code: 201 }))
  const [span, ...more] = sdk.taken()
  assert.equal(more.length, 0)
  assert.equal(span?.name, 'POST /items/:id')
  assert.equal(span.kind, SpanKind.SERVER)
  assert.equal(span.spanContext().traceId, TRACE.traceId)
  assert.equal(parentIdOf(span), TRACE.spanId)
  assert.deepEqual(span.attributes, {
    'http.request.method': 'POST',
    'url.path': '/items/7',
    'url.scheme': 'http',
    'network.peer.address': '10.0.0.9',
    'http.route': '/items/:id',
    'http.response.status_code': 201,
  })
})

test('without a caller that traces, a new trace begins', () => {
  new Recorder().send(hop, inbound())
  below.last.answer(ok())
  const [span] = sdk.taken()
  assert.equal(span?.name, 'GET')
  assert.equal(parentIdOf(span!), undefined)
})

test('a client that asks wrongly is no error of the server, a 500 and a refusal are', () => {
  for (const [outcome, type, status] of [
    [ok({ code: 404 }), undefined, 404],
    [answered('5xx'), '500', 500],
    [refusal(new MeshError('TULLE_DRAINING', 'draining')), 'TULLE_DRAINING', 503],
  ] as const) {
    new Recorder().send(hop, inbound())
    below.last.end(outcome)
    const [span] = sdk.taken()
    assert.equal(span?.status.code, type === undefined ? SpanStatusCode.UNSET : SpanStatusCode.ERROR)
    assert.equal(span.attributes['error.type'], type)
    assert.equal(span.attributes['http.response.status_code'], status)
  }
})

test('the calls a handler makes are in the trace: in, out, and on the wire', () => {
  const arrived = inbound({ trace: TRACE, baggage: 'user=alice' })
  new Recorder().send(hop, arrived)
  // The inbound leaf runs the handler in the ambient and in its context; the seam captures both.
  const captured = tracing.with(arrived.ambient.context, () => tracing.capture())
  const wire = new ScriptedHop<Attempt<undefined>>(deps.clock)
  const attempt = makeAttempt({ endpoint: deps.endpoint })
  const outbound = trace.layer(undefined, deps)!((call, observer) =>
    traceTry.layer(undefined, deps)!(wire.hop as never)({ ...attempt, call: call as never }, observer),
  )
  new Recorder().send(outbound, makeCall({ ambient: { ...arrived.ambient, context: captured } }))
  wire.last.answer(ok())
  below.last.answer(ok())
  const [client, logical, server] = sdk.taken()
  assert.deepEqual(
    [client?.kind, logical?.kind, server?.kind],
    [SpanKind.CLIENT, SpanKind.INTERNAL, SpanKind.SERVER],
  )
  assert.equal(parentIdOf(server!), TRACE.spanId)
  assert.equal(parentIdOf(logical!), idOf(server!))
  assert.equal(parentIdOf(client!), idOf(logical!))
  const sent = readTraceContext({
    traceparent: [attempt.outbox.get('traceparent')!],
    tracestate: [attempt.outbox.get('tracestate')!],
  })
  assert.deepEqual(sent, { ...TRACE, spanId: idOf(client!) })
  assert.equal(attempt.outbox.get('baggage'), 'user=alice')
})

test('a handler reads the baggage that came in', () => {
  const call = inbound({ baggage: 'user=alice' })
  new Recorder().send(hop, call)
  const seen = tracing.with(
    call.ambient.context,
    () => propagation.getActiveBaggage()?.getEntry('user')?.value,
  )
  assert.equal(seen, 'alice')
})

test('where an instrumentation opened the server span, it is taken over and none is added', () => {
  const theirs = sdk.tracer().startSpan('GET', { kind: SpanKind.SERVER })
  const active = otel.setSpan(ROOT_CONTEXT, theirs)
  const call = inbound()
  context.with(active, () => new Recorder().send(hop, call))
  below.last.answer(ok())
  assert.equal(sdk.taken().length, 0)
  assert.equal(call.span, undefined)
  assert.equal(call.ambient.context, active)
  assert.equal(call.ambient.trace?.spanId, idOf(theirs))
})

test('a span of the trace the headers named is such an instrumentation, whatever its kind', () => {
  const remote = otel.setSpanContext(ROOT_CONTEXT, {
    traceId: TRACE.traceId,
    spanId: TRACE.spanId,
    traceFlags: 1,
    isRemote: true,
  })
  const theirs = sdk.tracer().startSpan('middleware', {}, remote)
  context.with(otel.setSpan(remote, theirs), () => new Recorder().send(hop, inbound({ trace: TRACE })))
  below.last.answer(ok())
  assert.equal(sdk.taken().length, 0)
})

test('the span that was active when the server began to listen is nobody’s parent', () => {
  const boot = sdk.tracer().startSpan('boot')
  context.with(otel.setSpan(ROOT_CONTEXT, boot), () => new Recorder().send(hop, inbound()))
  below.last.answer(ok())
  const [span] = sdk.taken()
  assert.equal(parentIdOf(span!), undefined)
  assert.notEqual(span?.spanContext().traceId, boot.spanContext().traceId)
})

test('values of the active context survive, as a middleware above may have set them', () => {
  const key = Symbol('tenant')
  const call = inbound()
  context.with(ROOT_CONTEXT.setValue(key, 'acme'), () => new Recorder().send(hop, call))
  assert.equal((call.ambient.context as Context).getValue(key), 'acme')
})

test('an unsampled caller is followed: nothing recorded, the decision handed on', () => {
  const call = inbound({ trace: { ...TRACE, flags: 0 } })
  const top = new Recorder().send(hop, call)
  below.last.answer(ok())
  assert.equal(top.ended, true)
  assert.equal(sdk.taken().length, 0)
  assert.equal(call.ambient.trace?.traceId, TRACE.traceId)
  assert.equal(call.ambient.trace?.flags, 0)
})
