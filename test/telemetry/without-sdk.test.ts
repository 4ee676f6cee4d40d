import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countsOf } from '../../src/telemetry/counts.ts'
import { meter } from '../../src/telemetry/meter.ts'
import { meterIn } from '../../src/telemetry/meter-in.ts'
import { meterTry } from '../../src/telemetry/meter-try.ts'
import { trace } from '../../src/telemetry/trace.ts'
import { traceIn } from '../../src/telemetry/trace-in.ts'
import { traceTry } from '../../src/telemetry/trace-try.ts'
import { tracing } from '../../src/telemetry/tracing.ts'
import { layerContract } from '../contract/layer.ts'
import { makeAttempt, makeCall, makeDeps } from '../kit/builders.ts'
import { Recorder, ScriptedHop } from '../kit/hops.ts'
import { ok } from '../kit/outcomes.ts'
import { rpcCall } from '../kit/rpc.ts'

/** What telemetry is where nobody set up OpenTelemetry: a forwarder, and otherwise nothing. */

const TRACE = { traceId: '12345678901234567890123456789012', spanId: '1234567890123456', flags: 1 }

layerContract('trace without an SDK', 'call', (deps) => trace.layer(undefined, deps)!)
layerContract('trace-try without an SDK', 'attempt', (deps) => traceTry.layer(undefined, deps)!)
layerContract('trace (inbound) without an SDK', 'call', (deps) => traceIn.layer(undefined, deps)!)
layerContract('meter without an SDK', 'call', (deps) => meter.layer(undefined, deps)!)
layerContract('meter-try without an SDK', 'attempt', (deps) => meterTry.layer(undefined, deps)!)
layerContract('meter (inbound) without an SDK', 'call', (deps) => meterIn.layer(undefined, deps)!)

test('endpoints that nobody measures are not kept', () => {
  const deps = makeDeps()
  meterTry.layer(undefined, deps)
  assert.equal(countsOf(deps.events).kept, 0)
})

function outboxOf(ambient: object, more: object = {}): Map<string, string> {
  const deps = makeDeps()
  const below = new ScriptedHop(deps.clock)
  const attempt = makeAttempt({ call: makeCall({ ambient, ...more }) })
  new Recorder().send(traceTry.layer(undefined, deps)!(below.hop), attempt)
  below.last.answer(ok())
  return attempt.outbox
}

test('what the caller of the inbound request sent goes on with the same trace', () => {
  assert.deepEqual(
    outboxOf({ trace: { ...TRACE, state: 'foo=1,bar=2' }, baggage: 'user=alice' }),
    new Map([
      ['traceparent', `00-${TRACE.traceId}-${TRACE.spanId}-01`],
      ['tracestate', 'foo=1,bar=2'],
      ['baggage', 'user=alice'],
    ]),
  )
})

test('where no request is being handled, no header is made up', () => {
  assert.equal(outboxOf({}).size, 0)
})

test('a call that carries its own traceparent gets no second one', () => {
  assert.equal(outboxOf({ trace: TRACE, baggage: 'a=b' }, { carriesTrace: true }).size, 0)
})

test('a gRPC call forwards alike', () => {
  const grpc = { protocol: 'grpc' } as const
  assert.deepEqual(
    outboxOf({ trace: TRACE, baggage: 'user=alice' }, grpc),
    new Map([
      ['traceparent', `00-${TRACE.traceId}-${TRACE.spanId}-01`],
      ['baggage', 'user=alice'],
    ]),
  )
  assert.equal(outboxOf({}, grpc).size, 0)
  assert.equal(outboxOf({ trace: TRACE, baggage: 'a=b' }, { ...grpc, carriesTrace: true }).size, 0)
})

test('trace and meters add no observer of their own', () => {
  const deps = makeDeps()
  const journal = {
    ...deps,
    events: { wants: () => false, emit: () => assert.fail('nobody listens'), on: () => () => {} },
  }
  const seen: unknown[] = []
  const top = new Recorder()
  const below = (_unit: unknown, observer: unknown) => {
    seen.push(observer)
    return () => {}
  }
  for (const make of [makeCall, rpcCall]) {
    for (const module of [trace, meter, traceIn, meterIn])
      module.layer(undefined, journal)!(below)(make(), top)
    for (const module of [meterTry, traceTry])
      module.layer(undefined, journal)!(below)(makeAttempt({ call: make() }), top)
  }
  assert.equal(seen.length, 12)
  for (const observer of seen) assert.equal(observer, top)
})

test('there is no context to capture, and none is needed to run in', () => {
  assert.equal(tracing.capture(), undefined)
  assert.equal(
    tracing.with(undefined, () => 7),
    7,
  )
  assert.equal(tracing.extract?.({ traceparent: `00-${TRACE.traceId}-${TRACE.spanId}-01` }), undefined)
})
