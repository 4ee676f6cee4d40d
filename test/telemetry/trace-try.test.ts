import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { beforeEach, test } from 'node:test'
import {
  context,
  trace as otel,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
} from '@opentelemetry/api'
import type { Attempt } from '../../src/core/attempt.ts'
import { readTraceContext } from '../../src/core/traceparent.ts'
import { trace } from '../../src/telemetry/trace.ts'
import { traceTry } from '../../src/telemetry/trace-try.ts'
import { layerContract } from '../contract/layer.ts'
import { makeAttempt, makeCall, makeDeps } from '../kit/builders.ts'
import { Recorder, ScriptedHop } from '../kit/hops.ts'
import { idOf, parentIdOf, TestSdk } from '../kit/otel.ts'
import { answered, ok, reset, undecided } from '../kit/outcomes.ts'

const sdk = new TestSdk()
const deps = makeDeps()
const below = new ScriptedHop<Attempt<undefined>>(deps.clock)
const hop = traceTry.layer(undefined, deps)!(below.hop)
const { endpoint } = deps

beforeEach(() => {
  sdk.taken()
})

layerContract('trace-try with an SDK', 'attempt', (own) => traceTry.layer(undefined, own)!)

const sent = (attempt: Attempt<undefined>) =>
  readTraceContext({
    traceparent: [attempt.outbox.get('traceparent') ?? ''],
    tracestate: [attempt.outbox.get('tracestate') ?? ''],
  })

test('a client span per attempt, by the stable conventions', () => {
  const attempt = makeAttempt({ call: makeCall({ url: 'http://orders.mesh/v1/items?page=2' }), endpoint })
  new Recorder().send(hop, attempt)
  below.last.answer(ok())
  const [span] = sdk.taken()
  assert.equal(span?.name, 'GET')
  assert.equal(span.kind, SpanKind.CLIENT)
  assert.equal(span.status.code, SpanStatusCode.UNSET)
  assert.deepEqual(span.attributes, {
    'http.request.method': 'GET',
    'url.full': 'http://orders.mesh/v1/items?page=2',
    'server.address': 'orders',
    'server.port': 4001,
    'network.peer.address': '127.0.0.1',
    'network.peer.port': 4001,
    'http.response.status_code': 200,
  })
})

test('attempts after the first say so, and are children of the one call', () => {
  const call = makeCall()
  const route = trace.layer(undefined, deps)!((unit, observer) => {
    for (const number of [1, 2, 3]) hop(makeAttempt({ call: unit as never, number, endpoint }), observer)
    return () => {}
  })
  const top = new Recorder()
  route(call, { head: () => 'deliver', end: (outcome) => top.ended || top.end(outcome) })
  for (const arrival of [...below.live]) arrival.end(arrival.unit.number < 3 ? reset() : ok())
  const spans = sdk.taken()
  const logical = spans.find((span) => span.kind === SpanKind.INTERNAL)!
  const attempts = spans.filter((span) => span.kind === SpanKind.CLIENT)
  assert.deepEqual(
    attempts.map((span) => span.attributes['http.request.resend_count']),
    [undefined, 1, 2],
  )
  for (const span of attempts) assert.equal(parentIdOf(span), idOf(logical))
})

test('the headers name the span of this attempt', () => {
  const attempt = makeAttempt({
    call: makeCall({
      ambient: { trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), flags: 1, state: 'foo=1' } },
    }),
    endpoint,
  })
  new Recorder().send(hop, attempt)
  below.last.answer(ok())
  const [span] = sdk.taken()
  assert.deepEqual(sent(attempt), { traceId: 'a'.repeat(32), spanId: idOf(span!), flags: 1, state: 'foo=1' })
})

test('an unsampled trace goes on unsampled, with nothing recorded', () => {
  const attempt = makeAttempt({
    call: makeCall({ ambient: { trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), flags: 0 } } }),
    endpoint,
  })
  const top = new Recorder().send(hop, attempt)
  below.last.answer(ok())
  assert.equal(top.outcome?.class, 'success')
  assert.equal(sdk.taken().length, 0)
  assert.equal(sent(attempt)?.traceId, 'a'.repeat(32))
  assert.equal(sent(attempt)?.flags, 0)
})

test('baggage travels: what came in, and what the application added instead', () => {
  const inherited = makeAttempt({ call: makeCall({ ambient: { baggage: 'user=alice;p=1' } }), endpoint })
  new Recorder().send(hop, inherited)
  assert.equal(inherited.outbox.get('baggage'), 'user=alice;p=1')
  const own = propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage({ user: { value: 'bob' } }))
  const added = makeAttempt({
    call: makeCall({ ambient: { context: own, baggage: 'user=alice' } }),
    endpoint,
  })
  new Recorder().send(hop, added)
  assert.equal(added.outbox.get('baggage'), 'user=bob')
})

test('a status from 400 is an error of a client span, a broken connection too', () => {
  for (const [outcome, type, status] of [
    [ok({ code: 404 }), '404', 404],
    [answered('gateway-error'), '503', 503],
    [reset(), 'TULLE_RESET', undefined],
  ] as const) {
    new Recorder().send(hop, makeAttempt({ endpoint }))
    below.last.end(outcome)
    const [span] = sdk.taken()
    assert.equal(span?.status.code, SpanStatusCode.ERROR)
    assert.equal(span.attributes['error.type'], type)
    assert.equal(span.attributes['http.response.status_code'], status)
  }
})

test('a body that breaks off keeps the status of its head', () => {
  new Recorder().send(hop, makeAttempt({ endpoint }))
  below.last.head(undecided({ code: 200 }))
  below.last.end(reset())
  const [span] = sdk.taken()
  assert.equal(span?.attributes['http.response.status_code'], 200)
  assert.equal(span.attributes['error.type'], 'TULLE_RESET')
})

test('a method nobody knows does not name spans', () => {
  new Recorder().send(hop, makeAttempt({ call: makeCall({ method: 'FROB' }), endpoint }))
  below.last.answer(ok())
  const [span] = sdk.taken()
  assert.equal(span?.name, 'HTTP')
  assert.equal(span.attributes['http.request.method'], '_OTHER')
  assert.equal(span.attributes['http.request.method_original'], 'FROB')
})

test('secrets in the URL are not shown', () => {
  const url = 'http://me:secret@orders.mesh/file?sig=abc&X-Amz-Signature=def&page=2'
  new Recorder().send(hop, makeAttempt({ call: makeCall({ url }), endpoint }))
  below.last.answer(ok())
  assert.equal(
    sdk.taken()[0]?.attributes['url.full'],
    'http://REDACTED:REDACTED@orders.mesh/file?sig=REDACTED&X-Amz-Signature=REDACTED&page=2',
  )
})

test('a call that carries its own traceparent gets no span and no header of ours', () => {
  const attempt = makeAttempt({ call: makeCall({ carriesTrace: true }), endpoint })
  new Recorder().send(hop, attempt)
  below.last.answer(ok())
  assert.equal(attempt.outbox.size, 0)
  assert.equal(sdk.taken().length, 0)
})

test('where undici is instrumented, its span is the only one, and a child of the call', () => {
  // Plays an instrumentation: opens a span at the moment undici makes its request.
  const theirs = (): void => void sdk.tracer().startSpan('theirs', { kind: SpanKind.CLIENT }).end()
  subscribe('undici:request:create', theirs)
  try {
    const attempt = makeAttempt({ endpoint })
    const call = trace.layer(undefined, deps)!((_unit, observer) =>
      traceTry.layer(undefined, deps)!((unit, up) => {
        theirs()
        return below.hop(unit as never, up)
      })({ ...attempt, call: _unit } as never, observer),
    )
    new Recorder().send(call, makeCall())
    below.last.answer(ok())
    const spans = sdk.taken()
    assert.deepEqual(
      spans.map(({ kind }) => kind),
      [SpanKind.CLIENT, SpanKind.INTERNAL],
    )
    assert.equal(parentIdOf(spans[0]!), idOf(spans[1]!))
    assert.equal(attempt.outbox.size, 0)
  } finally {
    unsubscribe('undici:request:create', theirs)
  }
})

test('the formats are the ones the application chose, and W3C where it chose none', () => {
  const attempt = (): Attempt<undefined> => {
    const one = makeAttempt({ endpoint })
    new Recorder().send(hop, one)
    below.last.answer(ok())
    return one
  }
  propagation.disable()
  propagation.setGlobalPropagator({
    fields: () => ['b3'],
    inject: (from, carrier, setter) => setter.set(carrier, 'B3', otel.getSpanContext(from)!.traceId),
    extract: (from) => from,
  })
  assert.deepEqual([...attempt().outbox.keys()], ['b3'])
  propagation.disable()
  assert.match(attempt().outbox.get('traceparent') ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
})

test('nothing is made active for the code below', () => {
  let active: unknown
  const watch = traceTry.layer(undefined, deps)!(() => {
    active = context.active()
    return () => {}
  })
  watch(makeAttempt({ endpoint }), new Recorder())
  assert.equal(active, ROOT_CONTEXT)
})
