import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import type { SpanProcessor } from '@opentelemetry/sdk-trace-node'
import type { Attempt } from '../../src/core/attempt.ts'
import type { Call } from '../../src/core/call.ts'
import { MeshError } from '../../src/core/errors.ts'
import type { Hop } from '../../src/core/hop.ts'
import { readTraceContext } from '../../src/core/traceparent.ts'
import { type RetryParams, retry, retryPiece } from '../../src/resilience/retry.ts'
import { trace } from '../../src/telemetry/trace.ts'
import { traceTry } from '../../src/telemetry/trace-try.ts'
import { makeAttempt, makeDeps } from '../kit/builders.ts'
import { Recorder, ScriptedHop } from '../kit/hops.ts'
import { idOf, TestSdk } from '../kit/otel.ts'
import { undecided, unsent } from '../kit/outcomes.ts'
import { scripted } from '../kit/random.ts'
import { rpcAnswer, rpcCall, unavailable } from '../kit/rpc.ts'

/** Spans that were opened and have not ended. */
let open = 0
const counting: SpanProcessor = {
  onStart: () => void open++,
  onEnd: () => void open--,
  forceFlush: async () => {},
  shutdown: async () => {},
}
const sdk = new TestSdk({ processors: [counting] })

beforeEach(() => {
  sdk.taken()
  open = 0
})

/** The span of the call, retry, the choice of an endpoint, and the attempts' telemetry above a scripted leaf. */
function scene(more: Partial<Call<undefined>> = {}) {
  const deps = makeDeps({ random: scripted(0.5) })
  deps.service.populate(3)
  const below = new ScriptedHop<Attempt<undefined>>(deps.clock)
  const traced = traceTry.layer(undefined, deps)!(below.hop)
  const pick: Hop<Attempt<undefined>> = (attempt, observer) => {
    attempt.endpoint = deps.service.pick(attempt)
    return traced(attempt, observer)
  }
  const tries = retry.layer(retryPiece.defaults as RetryParams, deps)!(pick)
  const call = rpcCall(more)
  const top = new Recorder().send(trace.layer(undefined, deps)!(tries), call)
  return { deps, clock: deps.clock, below, call, top }
}

const carried = ({ outbox }: Attempt<unknown>) =>
  readTraceContext({
    traceparent: [outbox.get('traceparent') ?? ''],
    tracestate: [outbox.get('tracestate') ?? ''],
  })

test('a retried call is one span with an event per attempt: where it went, how long, and how it ended', () => {
  const { below, clock, top } = scene()
  clock.advance(20)
  // Trailers alone: retry discards them and asks another endpoint.
  assert.equal(below.last.head(unavailable()), 'discard')
  below.last.end(unavailable())
  clock.advance(1_000)
  assert.equal(below.arrived.length, 2)
  clock.advance(10)
  below.last.answer(rpcAnswer(0))
  assert.equal(top.outcome?.code, 0)
  const [span, ...more] = sdk.taken()
  assert.equal(more.length, 0)
  assert.equal(open, 0)
  assert.equal(span?.attributes['tulle.attempts'], 2)
  const [first, second] = span.events
  assert.deepEqual(
    span.events.map(({ name }) => name),
    ['tulle.attempt', 'tulle.attempt'],
  )
  assert.deepEqual(first?.attributes, {
    'tulle.attempt.number': 1,
    'tulle.attempt.duration': 0.02,
    'network.peer.address': '127.0.0.1',
    'network.peer.port': 4001,
    'rpc.response.status_code': 'UNAVAILABLE',
    'error.type': 'UNAVAILABLE',
  })
  assert.equal(second?.attributes?.['tulle.attempt.number'], 2)
  assert.equal(second.attributes['network.peer.port'], 4002)
  assert.equal(second.attributes['rpc.response.status_code'], 'OK')
  assert.equal(second.attributes['error.type'], undefined)
})

test('an attempt that reached nobody says why', () => {
  const { below, clock } = scene()
  below.last.end(unsent())
  clock.advance(1_000)
  below.last.answer(rpcAnswer(0))
  const [span] = sdk.taken()
  assert.equal(span?.events[0]?.attributes?.['error.type'], 'TULLE_CONNECT')
  assert.equal(span.events[0].attributes['error.message'], 'connection refused')
})

test('a cancelled call ends its attempt and its span once', () => {
  for (const delivered of [false, true]) {
    const { below, top } = scene()
    if (delivered) below.last.head(undecided())
    top.cancel('deadline', new MeshError('TULLE_DEADLINE', 'too late'))
    const [span, ...more] = sdk.taken()
    assert.equal(more.length, 0)
    assert.equal(open, 0)
    assert.equal(span?.events.length, 1)
    assert.equal(span.events[0]?.attributes?.['rpc.response.status_code'], 'DEADLINE_EXCEEDED')
    assert.equal(span.events[0].attributes['error.type'], 'TULLE_DEADLINE')
  }
})

test('a call that is cancelled while it waits for its next attempt has the one event', () => {
  const { below, top } = scene()
  below.last.answer(unavailable())
  top.cancel('caller')
  assert.equal(below.arrived.length, 1)
  const [span] = sdk.taken()
  assert.equal(open, 0)
  assert.equal(span?.events.length, 1)
  assert.equal(span.attributes['rpc.response.status_code'], 'CANCELLED')
})

test('every attempt carries the span of the call, its state and the baggage', () => {
  const from = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), flags: 1, state: 'foo=1' }
  const { below, clock } = scene({ ambient: { trace: from, baggage: 'user=alice' } })
  below.last.answer(unavailable())
  clock.advance(1_000)
  below.last.answer(rpcAnswer(0))
  const [span] = sdk.taken()
  assert.equal(below.arrived.length, 2)
  for (const { unit } of below.arrived) {
    assert.deepEqual(carried(unit), { ...from, spanId: idOf(span!) })
    assert.equal(unit.outbox.get('baggage'), 'user=alice')
  }
})

test('metadata that carries a trace gets no second one, and the events all the same', () => {
  const { below } = scene({ carriesTrace: true, ambient: { baggage: 'user=alice' } })
  below.last.answer(rpcAnswer(0))
  assert.equal(below.last.unit.outbox.size, 0)
  assert.equal(sdk.taken()[0]?.events.length, 1)
})

test('an unsampled call goes on unsampled and records no event', () => {
  const { below, top } = scene({
    ambient: { trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), flags: 0 } },
  })
  below.last.answer(rpcAnswer(0))
  assert.equal(top.ended, true)
  assert.equal(sdk.taken().length, 0)
  assert.equal(carried(below.last.unit)?.flags, 0)
  assert.equal(carried(below.last.unit)?.traceId, 'a'.repeat(32))
})

test('a call that was under way when the SDK came carries what the caller sent, and has no event', () => {
  const deps = makeDeps()
  const below = new ScriptedHop<Attempt<undefined>>(deps.clock)
  const from = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), flags: 1, state: undefined }
  const attempt = makeAttempt({ call: rpcCall({ ambient: { trace: from } }) })
  const top = new Recorder().send(traceTry.layer(undefined, deps)!(below.hop), attempt)
  below.last.answer(rpcAnswer(0))
  assert.equal(top.ended, true)
  assert.deepEqual(carried(attempt), from)
})
