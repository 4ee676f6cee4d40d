import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Context, context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { parentOf } from '../../src/telemetry/context.ts'
import { tracing } from '../../src/telemetry/tracing.ts'
import { TestSdk } from '../kit/otel.ts'

const sdk = new TestSdk()

test('what is active is captured, and active again wherever it is carried to', async () => {
  assert.equal(tracing.capture(), undefined)
  const active = trace.setSpan(ROOT_CONTEXT, sdk.tracer().startSpan('one'))
  const captured = context.with(active, () => tracing.capture())
  assert.equal(captured, active)
  await Promise.resolve()
  assert.equal(tracing.capture(), undefined)
  assert.equal(
    tracing.with(captured, () => context.active()),
    active,
  )
})

test('headers are looked into only for formats that are not W3C', () => {
  const headers = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, b3: '1' }
  assert.equal(tracing.extract?.(headers), undefined)
  propagation.disable()
  const key = Symbol('b3')
  propagation.setGlobalPropagator({
    fields: () => ['b3', 'traceparent'],
    inject() {},
    extract: (from, carrier, getter) => from.setValue(key, getter.get(carrier, 'b3')),
  })
  const found = tracing.extract?.(headers) as Context | undefined
  assert.equal(found?.getValue(key), '1')
})

test('a propagator that throws has found nothing: a header must not end the process', () => {
  propagation.disable()
  propagation.setGlobalPropagator({
    fields: () => ['b3'],
    inject() {},
    extract: () => {
      throw new Error('cannot read this')
    },
  })
  assert.equal(tracing.extract?.({ b3: 'x' }), undefined)
  assert.equal(parentOf({ baggage: 'a=1' }), ROOT_CONTEXT)
})
