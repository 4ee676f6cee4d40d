import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SamplingDecision } from '@opentelemetry/sdk-trace-node'
import type { Attempt } from '../../src/core/attempt.ts'
import type { Call } from '../../src/core/call.ts'
import type { CallLayer } from '../../src/core/hop.ts'
import { readTraceContext } from '../../src/core/traceparent.ts'
import { trace } from '../../src/telemetry/trace.ts'
import { traceTry } from '../../src/telemetry/trace-try.ts'
import { makeAttempt, makeCall, makeDeps } from '../kit/builders.ts'
import { Recorder, ScriptedHop } from '../kit/hops.ts'
import { TestSdk } from '../kit/otel.ts'
import { ok } from '../kit/outcomes.ts'

const asked: string[] = []
let decision = SamplingDecision.NOT_RECORD
const sdk = new TestSdk({
  sampler: {
    shouldSample(_context, _traceId, name) {
      asked.push(name)
      return { decision }
    },
  },
})
const deps = makeDeps()
const below = new ScriptedHop<Attempt<undefined>>(deps.clock)
const attempts = traceTry.layer(undefined, deps)!(below.hop)

/** Through both layers; returns what the peer would see. */
function run(): Attempt<undefined> {
  asked.length = 0
  let attempt: Attempt<undefined> | undefined
  const whole = (trace.layer(undefined, deps) as CallLayer)((call, observer) => {
    attempt = makeAttempt({ call: call as Call<undefined>, endpoint: deps.endpoint })
    return attempts(attempt as never, observer)
  })
  new Recorder().send(whole, makeCall())
  below.last.answer(ok())
  return attempt!
}

test('a sampler is asked once for a call it does not record, and the peer is told of that decision', () => {
  decision = SamplingDecision.NOT_RECORD
  const { outbox } = run()
  assert.deepEqual(asked, ['tulle orders'])
  assert.equal(readTraceContext({ traceparent: [outbox.get('traceparent')!], tracestate: [] })?.flags, 0)
  assert.equal(sdk.taken().length, 0)
})

test('and for each span of a call it records', () => {
  decision = SamplingDecision.RECORD_AND_SAMPLED
  const { outbox } = run()
  assert.deepEqual(asked, ['tulle orders', 'GET'])
  assert.equal(readTraceContext({ traceparent: [outbox.get('traceparent')!], tracestate: [] })?.flags, 1)
  assert.equal(sdk.taken().length, 2)
})
