import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { trace as otel, ROOT_CONTEXT, SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { AlwaysOnSampler, type Sampler } from '@opentelemetry/sdk-trace-node'
import type { Ambient } from '../../src/core/ambient.ts'
import type { Call } from '../../src/core/call.ts'
import { CODES, type Code } from '../../src/core/codes.ts'
import { MeshError } from '../../src/core/errors.ts'
import { type GrpcStatus, grpcCode, grpcStatus } from '../../src/core/grpc-status.ts'
import { type Outcome, refusal } from '../../src/core/outcome.ts'
import { RPC, rpcStatus } from '../../src/telemetry/rpc-semantics.ts'
import { trace } from '../../src/telemetry/trace.ts'
import { traceIn } from '../../src/telemetry/trace-in.ts'
import { FakeEndpoint, makeDeps, makeRoute } from '../kit/builders.ts'
import { Recorder, ScriptedHop } from '../kit/hops.ts'
import { parentIdOf, TestSdk } from '../kit/otel.ts'
import { reset, undecided } from '../kit/outcomes.ts'
import { QUOTE, rpcAnswer, rpcCall } from '../kit/rpc.ts'

/** What a sampler is shown of each span, oldest first. */
const offered: object[] = []
const always = new AlwaysOnSampler()
const sampler: Sampler = {
  shouldSample(_context, _traceId, _name, _kind, attributes) {
    offered.push({ ...attributes })
    return always.shouldSample()
  },
  toString: () => 'watching',
}
const sdk = new TestSdk({ sampler })
const deps = makeDeps()
const below = new ScriptedHop<Call<undefined>>(deps.clock)
const outbound = trace.layer(undefined, deps)!(below.hop)
const inbound = traceIn.layer(undefined, deps)!(below.hop)

beforeEach(() => {
  sdk.taken()
  offered.length = 0
})

/** The span of a call, or of a request, that ended so. */
function spanOf(hop: typeof outbound, outcome: Outcome, call = rpcCall()) {
  new Recorder().send(hop, call)
  below.last.end(outcome)
  const [span, ...more] = sdk.taken()
  assert.equal(more.length, 0)
  assert.ok(span !== undefined)
  return span
}

/** As the server makes one. */
function arrived(ambient: Ambient = {}): Call<undefined> {
  const call = rpcCall({
    ambient,
    target: { service: 'pricing' },
    peer: { address: '10.0.0.9' },
    setAmbient(next: Ambient) {
      ;(call as { ambient: Ambient }).ambient = next
    },
  })
  return call
}

describe('the span of a call', () => {
  test('is the one client span, named by the method, with what the mesh knows of it', () => {
    const call = rpcCall({ route: makeRoute({ name: 'pricing.routes[1]', policyVersion: '7' }) })
    new Recorder().send(outbound, call)
    call.attempts = 2
    call.endpoint = new FakeEndpoint(deps.service, 4002)
    below.last.head(undecided())
    below.last.end(rpcAnswer(0))
    const [span, ...more] = sdk.taken()
    assert.equal(more.length, 0)
    assert.equal(span?.name, 'pricing.v1.Pricing/Quote')
    assert.equal(span.kind, SpanKind.CLIENT)
    assert.equal(span.status.code, SpanStatusCode.UNSET)
    assert.deepEqual(span.attributes, {
      'rpc.system.name': 'grpc',
      'rpc.method': 'pricing.v1.Pricing/Quote',
      'rpc.response.status_code': 'OK',
      'server.address': 'pricing',
      'server.port': 4002,
      'network.peer.address': '127.0.0.1',
      'network.peer.port': 4002,
      'tulle.service': 'pricing',
      'tulle.route': 'pricing.routes[1]',
      'tulle.policy.version': '7',
      'tulle.attempts': 2,
      'tulle.endpoint': '127.0.0.1:4002',
    })
  })

  test('shows samplers what it is about before it is opened', () => {
    spanOf(outbound, rpcAnswer(0))
    assert.deepEqual(offered, [
      { 'rpc.system.name': 'grpc', 'rpc.method': QUOTE, 'server.address': 'pricing' },
    ])
  })

  test('is an error with every status but OK', () => {
    for (let code = 0; code <= 16; code++) {
      const span = spanOf(outbound, rpcAnswer(code))
      const name = grpcStatus(code)
      assert.equal(span.attributes['rpc.response.status_code'], name)
      assert.equal(span.attributes['error.type'], code === 0 ? undefined : name)
      assert.equal(span.status.code, code === 0 ? SpanStatusCode.UNSET : SpanStatusCode.ERROR, name)
      assert.equal(span.status.message, undefined)
    }
  })

  test('names errors of the mesh by their code beside the status they become', () => {
    for (const [outcome, status, type] of [
      [reset(), 'UNAVAILABLE', 'TULLE_RESET'],
      [refusal(new MeshError('TULLE_CIRCUIT_OPEN', 'open')), 'UNAVAILABLE', 'TULLE_CIRCUIT_OPEN'],
      [refusal(new MeshError('TULLE_OVERLOADED', 'full')), 'RESOURCE_EXHAUSTED', 'TULLE_OVERLOADED'],
    ] as const) {
      const span = spanOf(outbound, outcome)
      assert.equal(span.attributes['rpc.response.status_code'], status)
      assert.equal(span.attributes['error.type'], type)
      assert.equal(span.status.message, outcome.error?.message)
    }
  })

  test('ends as CANCELLED where the caller leaves, and once', () => {
    new Recorder().send(outbound, rpcCall()).cancel('caller')
    const [span, ...more] = sdk.taken()
    assert.equal(more.length, 0)
    assert.equal(span?.attributes['rpc.response.status_code'], 'CANCELLED')
    assert.equal(span.attributes['error.type'], 'CANCELLED')
  })

  test('ends as DEADLINE_EXCEEDED where its time is over, blamed on the peer or not', () => {
    const error = new MeshError('TULLE_DEADLINE', 'too late')
    const top = new Recorder().send(outbound, rpcCall())
    top.cancel('deadline', error)
    const [span] = sdk.taken()
    assert.equal(top.outcome?.class, 'ignored')
    assert.equal(span?.attributes['rpc.response.status_code'], 'DEADLINE_EXCEEDED')
    assert.equal(span.attributes['error.type'], 'TULLE_DEADLINE')
  })

  test('leaves the client span to whoever wrote a trace into the metadata', () => {
    const theirs = sdk.tracer().startSpan(`grpc.${QUOTE}`, { kind: SpanKind.CLIENT })
    const context = otel.setSpan(ROOT_CONTEXT, theirs)
    const span = spanOf(outbound, rpcAnswer(14), rpcCall({ carriesTrace: true, ambient: { context } }))
    assert.equal(span.kind, SpanKind.INTERNAL)
    assert.equal(span.name, 'tulle pricing')
    assert.equal(parentIdOf(span), theirs.spanContext().spanId)
    assert.equal(span.attributes['rpc.method'], QUOTE)
    assert.equal(span.attributes['error.type'], 'UNAVAILABLE')
  })
})

describe('the span of a call that arrives', () => {
  test('is a server span, a child of the caller, and the handler runs in it', () => {
    const from = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), flags: 1 }
    const call = arrived({ trace: from })
    const span = spanOf(inbound, rpcAnswer(0), call)
    assert.equal(span.name, QUOTE)
    assert.equal(span.kind, SpanKind.SERVER)
    assert.equal(parentIdOf(span), from.spanId)
    assert.equal(call.ambient.trace?.spanId, span.spanContext().spanId)
    assert.deepEqual(span.attributes, {
      'rpc.system.name': 'grpc',
      'rpc.method': QUOTE,
      'rpc.response.status_code': 'OK',
      'server.address': 'pricing',
      'network.peer.address': '10.0.0.9',
    })
  })

  test('is an error only where the status is a failure of the server', () => {
    const failures: GrpcStatus[] = [
      'UNKNOWN',
      'DEADLINE_EXCEEDED',
      'UNIMPLEMENTED',
      'INTERNAL',
      'UNAVAILABLE',
      'DATA_LOSS',
    ]
    for (let code = 0; code <= 16; code++) {
      const name = grpcStatus(code)
      const failed = failures.includes(name)
      const span = spanOf(inbound, rpcAnswer(code), arrived())
      assert.equal(span.attributes['rpc.response.status_code'], name)
      assert.equal(span.attributes['error.type'], failed ? name : undefined)
      assert.equal(span.status.code, failed ? SpanStatusCode.ERROR : SpanStatusCode.UNSET, name)
    }
  })

  test('tells a refusal by the status it is answered with', () => {
    const drained = spanOf(inbound, refusal(new MeshError('TULLE_DRAINING', 'draining')), arrived())
    assert.equal(drained.attributes['rpc.response.status_code'], 'UNAVAILABLE')
    assert.equal(drained.attributes['error.type'], 'TULLE_DRAINING')
    assert.equal(drained.status.message, 'draining')
    const denied = spanOf(inbound, refusal(new MeshError('TULLE_PEER', 'not you')), arrived())
    assert.equal(denied.attributes['rpc.response.status_code'], 'PERMISSION_DENIED')
    assert.equal(denied.status.code, SpanStatusCode.UNSET)
  })

  test('is CANCELLED and no error where the caller goes away', () => {
    new Recorder().send(inbound, arrived()).cancel('caller')
    const [span] = sdk.taken()
    assert.equal(span?.attributes['rpc.response.status_code'], 'CANCELLED')
    assert.equal(span.status.code, SpanStatusCode.UNSET)
  })
})

describe('a status', () => {
  test('is known for every error of ours', () => {
    for (const code of Object.keys(CODES) as Code[]) {
      const status = rpcStatus(refusal(new MeshError(code, 'so')))
      assert.ok(grpcCode(status) > 0, `${code}: ${status}`)
    }
  })

  test('is told where neither the peer nor an error of ours says one', () => {
    assert.equal(rpcStatus(rpcAnswer(99)), 'UNKNOWN')
    const silent = { committed: false, unsent: false } as const
    assert.equal(rpcStatus({ ...silent, class: 'success' }), 'OK')
    assert.equal(rpcStatus({ ...silent, class: 'failure', condition: 'reset' }), 'UNKNOWN')
    assert.equal(rpcStatus({ ...silent, class: 'ignored', condition: 'deadline' }), 'DEADLINE_EXCEEDED')
  })

  test('is an error in the metrics of the mesh where it would be one over HTTP', () => {
    assert.equal(RPC.callError(rpcAnswer(5)), undefined)
    assert.equal(RPC.callError(rpcAnswer(13)), 'INTERNAL')
    assert.equal(RPC.callError(refusal(new MeshError('TULLE_OVERLOADED', 'full'))), 'TULLE_OVERLOADED')
  })
})
