import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import {
  type Context,
  createContextKey,
  propagation,
  ROOT_CONTEXT,
  type TextMapPropagator,
  trace,
} from '@opentelemetry/api'
import { inject } from '../../src/telemetry/propagate.ts'
import { propagatorFrom } from '../../src/telemetry/propagators.ts'
import { tracing } from '../../src/telemetry/tracing.ts'

afterEach(() => propagation.disable())

const span = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 }
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const context = trace.setSpanContext(ROOT_CONTEXT, span)
const named = (names: string): TextMapPropagator =>
  propagatorFrom(names, () => assert.fail('needs no package'))

function sent(of: Context = context): Record<string, string> {
  const outbox = new Map<string, string>()
  inject(of, {}, outbox)
  return Object.fromEntries(outbox)
}

/** As `named` and beside it a header of its own, where the context has a value for it. */
const TENANT = createContextKey('tenant')
class Tenant implements TextMapPropagator {
  readonly #fields: string[]
  readonly #w3c = named('tracecontext')
  constructor(fields: string[]) {
    this.#fields = fields
  }
  fields = (): string[] => this.#fields
  extract = (found: Context): Context => found
  inject: TextMapPropagator['inject'] = (from, carrier, setter) => {
    this.#w3c.inject(from, carrier, setter)
    const tenant = from.getValue(TENANT)
    if (tenant !== undefined) setter.set(carrier, 'x-tenant', String(tenant))
  }
}

test('what is written for W3C is what its propagators write, baggage included', () => {
  propagation.setGlobalPropagator(named('tracecontext,baggage'))
  assert.deepEqual(sent(), { traceparent: TRACEPARENT })
  const baggage = propagation.createBaggage({ user: { value: 'al ice' } })
  assert.deepEqual(sent(propagation.setBaggage(context, baggage)), {
    traceparent: TRACEPARENT,
    baggage: 'user=al%20ice',
  })
})

test('a span that is none, as where tracing is suppressed, is not written', () => {
  propagation.setGlobalPropagator(named('tracecontext,baggage'))
  const none = { traceId: '0'.repeat(32), spanId: '0'.repeat(16), traceFlags: 0 }
  assert.deepEqual(sent(trace.setSpanContext(ROOT_CONTEXT, none)), {})
  assert.deepEqual(sent(ROOT_CONTEXT), {})
})

test('a propagator that claims these headers and writes none is taken at its deed', () => {
  propagation.setGlobalPropagator(named('none'))
  assert.deepEqual(sent(), {})
})

test('one that says it writes something else is asked each time', () => {
  propagation.setGlobalPropagator(new Tenant(['traceparent', 'tracestate', 'x-tenant']))
  assert.deepEqual(sent(), { traceparent: TRACEPARENT })
  assert.deepEqual(sent(context.setValue(TENANT, 'acme')), { traceparent: TRACEPARENT, 'x-tenant': 'acme' })
})

test('without any propagator W3C is written; one that comes later is noticed, and that it is gone too', () => {
  assert.deepEqual(sent(), { traceparent: TRACEPARENT })
  assert.equal(tracing.extract?.({}), undefined)
  const b3: TextMapPropagator = {
    fields: () => ['b3'],
    extract: (found) => trace.setSpanContext(found, span),
    inject: (_from, carrier, setter) => setter.set(carrier, 'B3', '1'),
  }
  propagation.setGlobalPropagator(b3)
  assert.deepEqual(sent(), { b3: '1' })
  assert.notEqual(tracing.extract?.({}), undefined)
  propagation.disable()
  assert.deepEqual(sent(), { traceparent: TRACEPARENT })
  assert.equal(tracing.extract?.({}), undefined)
})

test('one that throws when it is tried out is asked from then on, whatever was there before', () => {
  propagation.setGlobalPropagator(named('tracecontext'))
  assert.deepEqual(sent(), { traceparent: TRACEPARENT })
  propagation.disable()
  let calls = 0
  propagation.setGlobalPropagator({
    fields: () => ['traceparent'],
    extract: (found) => found,
    inject(_from, carrier, setter) {
      if (calls++ === 0) throw new Error('not yet')
      setter.set(carrier, 'traceparent', 'theirs')
    },
  })
  assert.throws(() => sent(), /not yet/)
  assert.deepEqual(sent(), { traceparent: 'theirs' })
})
