import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createContextKey, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { withSpan } from '../../src/telemetry/call-context.ts'

const span = (spanId: string) =>
  trace.wrapSpanContext({ traceId: '0af7651916cd43dd8448eb211c80319c', spanId, traceFlags: 1 })
const first = span('b7ad6b7169203331')
const second = span('00f067aa0ba902b7')

test('the span that was set is the one the API finds; the contexts below keep theirs', () => {
  const outer = withSpan(ROOT_CONTEXT, first)
  const inner = withSpan(outer, second)
  assert.equal(trace.getSpan(outer), first)
  assert.equal(trace.getSpan(inner), second)
  assert.equal(trace.getSpan(ROOT_CONTEXT), undefined)
})

test('everything else is inherited, and can be set and deleted as in any context', () => {
  const key = createContextKey('what an application keeps')
  const baggage = propagation.createBaggage({ tenant: { value: 'acme' } })
  const base = propagation.setBaggage(ROOT_CONTEXT.setValue(key, 1), baggage)
  const context = withSpan(base, first)
  assert.equal(context.getValue(key), 1)
  assert.equal(propagation.getBaggage(context), baggage)
  const changed = context.setValue(key, 2)
  assert.equal(changed.getValue(key), 2)
  assert.equal(context.getValue(key), 1)
  assert.equal(trace.getSpan(changed), first)
  assert.equal(context.deleteValue(key).getValue(key), undefined)
  assert.equal(trace.getSpan(trace.deleteSpan(context)), undefined)
})
