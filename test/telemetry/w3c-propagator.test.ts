import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  defaultTextMapGetter,
  defaultTextMapSetter,
  propagation,
  ROOT_CONTEXT,
  trace,
} from '@opentelemetry/api'
import fc from 'fast-check'
import { baggagePropagator, traceContextPropagator } from '../../src/telemetry/w3c-propagator.ts'

const PARENT = '00-12345678901234567890123456789012-1234567890123456-01'

function through(headers: Record<string, string | string[]>): Record<string, string> {
  const carrier = {}
  for (const one of [traceContextPropagator, baggagePropagator]) {
    const context = one.extract(ROOT_CONTEXT, headers, defaultTextMapGetter)
    one.inject(context, carrier, defaultTextMapSetter)
  }
  return carrier
}

test('a context comes out as it went in', () => {
  const headers = { traceparent: PARENT, tracestate: 'foo=1,bar=2', baggage: 'user=alice;p=1,flag=' }
  assert.deepEqual(through(headers), headers)
})

test('what came in is remote', () => {
  const context = traceContextPropagator.extract(ROOT_CONTEXT, { traceparent: PARENT }, defaultTextMapGetter)
  assert.equal(trace.getSpanContext(context)?.isRemote, true)
})

test('what the specification refuses is refused', () => {
  assert.deepEqual(through({ traceparent: [PARENT, PARENT] }), {})
  assert.deepEqual(through({ traceparent: PARENT, tracestate: 'foo@=1,bar=2' }), { traceparent: PARENT })
  const many = Array.from({ length: 33 }, (_, at) => `k${at}=1`).join()
  assert.deepEqual(through({ traceparent: PARENT, tracestate: many }), { traceparent: PARENT })
  assert.deepEqual(through({ tracestate: 'foo=1', baggage: 'no value' }), {})
})

test('baggage the application writes is escaped, and read back as written', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.stringMatching(/^[a-z]{1,9}$/), fc.string({ unit: 'grapheme', maxLength: 20 }), {
        maxKeys: 4,
        noNullPrototype: true,
      }),
      (entries) => {
        const baggage = propagation.createBaggage(
          Object.fromEntries(Object.entries(entries).map(([key, value]) => [key, { value }])),
        )
        const carrier: Record<string, string> = {}
        baggagePropagator.inject(propagation.setBaggage(ROOT_CONTEXT, baggage), carrier, defaultTextMapSetter)
        const back = propagation.getBaggage(
          baggagePropagator.extract(ROOT_CONTEXT, carrier, defaultTextMapGetter),
        )
        const read = (back?.getAllEntries() ?? []).map(([key, { value }]) => [key, value])
        assert.deepEqual(Object.fromEntries(read), entries)
      },
    ),
  )
})

test('names that are special to objects are ordinary baggage', () => {
  assert.deepEqual(through({ baggage: '__proto__=1,constructor=2' }), {
    baggage: '__proto__=1,constructor=2',
  })
})
