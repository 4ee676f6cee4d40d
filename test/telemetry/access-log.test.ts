import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MeshError } from '../../src/core/errors.ts'
import type { AccessLogEntry } from '../../src/core/events.ts'
import { refusal } from '../../src/core/outcome.ts'
import { attachAccessLog } from '../../src/telemetry/access-log.ts'
import { EventBus } from '../../src/telemetry/events.ts'
import { createLogger } from '../../src/telemetry/log.ts'
import { meter } from '../../src/telemetry/meter.ts'
import { meterIn } from '../../src/telemetry/meter-in.ts'
import { makeCall, makeDeps } from '../kit/builders.ts'
import { Recorder, ScriptedHop } from '../kit/hops.ts'
import { ok, reset } from '../kit/outcomes.ts'
import { QUOTE, rpcAnswer, rpcCall, unavailable } from '../kit/rpc.ts'

function bench(hook: (entry: AccessLogEntry) => void) {
  const warnings: string[] = []
  const log = createLogger('warn', {
    debug() {},
    info() {},
    warn: (message) => void warnings.push(message),
    error() {},
  })
  const events = new EventBus()
  const deps = { ...makeDeps(), events }
  const below = new ScriptedHop<ReturnType<typeof makeCall>>(deps.clock)
  const remove = attachAccessLog(hook, events, log)
  return {
    deps,
    events,
    warnings,
    remove,
    below,
    outbound: meter.layer(undefined, deps)!(below.hop),
    inbound: meterIn.layer(undefined, deps)!(below.hop),
  }
}

test('an entry per outgoing call, with its attempts and its time', () => {
  const entries: AccessLogEntry[] = []
  const { outbound, below, deps } = bench((entry) => entries.push(entry))
  const call = makeCall({ ambient: { trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), flags: 0 } } })
  new Recorder().send(outbound, call)
  call.attempts = 3
  call.endpoint = deps.endpoint
  deps.clock.advance(42)
  const outcome = reset()
  below.last.end(outcome)
  assert.deepEqual(entries, [
    {
      kind: 'call',
      protocol: 'http',
      service: 'orders',
      route: 'orders',
      method: 'GET',
      path: '/v1/items',
      endpoint: '127.0.0.1:4001',
      attempts: 3,
      outcome: below.last.outcome,
      durationMs: 42,
      policyVersion: '1',
      traceId: 'a'.repeat(32),
    },
  ])
})

test('an entry per inbound request, with the pattern of its route', () => {
  const entries: AccessLogEntry[] = []
  const { inbound, below, deps } = bench((entry) => entries.push(entry))
  new Recorder().send(inbound, makeCall({ pattern: '/items/:id', peer: { address: '10.0.0.9' } }))
  deps.clock.advance(7)
  below.last.answer(ok({ code: 201 }))
  const [entry] = entries
  assert.equal(entry?.kind, 'request')
  assert.equal(entry.kind === 'request' && entry.status, 201)
  assert.equal(entry.route, '/items/:id')
  assert.equal(entry.kind === 'request' && entry.peer, '10.0.0.9')
  assert.equal(entry.durationMs, 7)
})

test('an entry of a gRPC call has its code and its name, and says that it is one', () => {
  const entries: AccessLogEntry[] = []
  const { outbound, inbound, below } = bench((entry) => entries.push(entry))
  new Recorder().send(outbound, rpcCall())
  below.last.answer(unavailable())
  const [call] = entries
  assert.equal(call?.protocol, 'grpc')
  assert.equal(call.path, `/${QUOTE}`)
  assert.equal(call.outcome.code, 14)
  assert.equal(call.outcome.status, 'unavailable')
  for (const outcome of [
    rpcAnswer(0),
    rpcAnswer(5),
    refusal(new MeshError('TULLE_OVERLOADED', 'full')),
    refusal(new MeshError('TULLE_TOO_LATE', 'late')),
  ]) {
    new Recorder().send(inbound, rpcCall({ peer: { id: 'spiffe://mesh/web', address: '10.0.0.9' } }))
    below.last.end(outcome)
  }
  new Recorder().send(inbound, rpcCall()).cancel('caller')
  const requests = entries.slice(1)
  assert.deepEqual(
    requests.map((entry) => entry.kind === 'request' && entry.status),
    [0, 5, 8, 4, 1],
  )
  for (const entry of requests) {
    assert.equal(entry.protocol, 'grpc')
    assert.equal(entry.route, `/${QUOTE}`)
  }
})

test('a hook that throws is reported once, and the call knows nothing of it', () => {
  let told = 0
  const { outbound, below, warnings } = bench(() => {
    told++
    throw new Error('the log is full')
  })
  for (let n = 0; n < 3; n++) {
    const top = new Recorder().send(outbound, makeCall())
    below.last.answer(ok())
    assert.equal(top.outcome?.class, 'success')
  }
  assert.equal(told, 3)
  assert.equal(warnings.length, 1)
})

test('once removed, nothing is built for it any more', () => {
  const { events, remove } = bench(() => {})
  assert.equal(events.wants('call') && events.wants('request'), true)
  remove()
  assert.equal(events.wants('call') || events.wants('request'), false)
})
