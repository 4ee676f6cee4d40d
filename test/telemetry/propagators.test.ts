import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultTextMapSetter, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { isMeshError } from '../../src/core/errors.ts'
import type { Load } from '../../src/telemetry/optional.ts'
import { loadOptional } from '../../src/telemetry/optional.ts'
import { propagatorFrom } from '../../src/telemetry/propagators.ts'

const context = trace.setSpanContext(ROOT_CONTEXT, {
  traceId: 'a'.repeat(32),
  spanId: 'b'.repeat(16),
  traceFlags: 1,
})
const written = (names: string | undefined, load: Load = loadOptional): string[] => {
  const carrier = {}
  propagatorFrom(names, load).inject(context, carrier, defaultTextMapSetter)
  return Object.keys(carrier)
}

test('W3C is the default, and can be had in part', () => {
  assert.deepEqual(propagatorFrom(undefined, loadOptional).fields(), ['traceparent', 'tracestate', 'baggage'])
  assert.deepEqual(written(undefined), ['traceparent'])
  assert.deepEqual(written('baggage'), [])
})

test('none is a decision: nothing is written, and nobody may think nothing was chosen', () => {
  assert.deepEqual(written('none'), [])
  assert.ok(propagatorFrom('none', loadOptional).fields().length > 0)
})

test('other formats come from their packages, beside W3C where both are named', () => {
  const asked: unknown[] = []
  class B3Propagator {
    readonly options: unknown
    constructor(options: unknown) {
      this.options = options
      asked.push(options)
    }
    fields = () => ['b3']
    inject = (_from: unknown, carrier: Record<string, string>) => {
      carrier.b3 = '1'
    }
    extract = (from: unknown) => from
  }
  const load = (() => ({
    B3Propagator,
    B3InjectEncoding: { SINGLE_HEADER: 0, MULTI_HEADER: 1 },
  })) as unknown as Load
  assert.deepEqual(written('tracecontext, b3', load), ['traceparent', 'b3'])
  assert.deepEqual(written('b3multi', load), ['b3'])
  assert.deepEqual(asked, [{ injectEncoding: 0 }, { injectEncoding: 1 }])
})

test('a missing package and an unknown name are configuration errors that say what to do', () => {
  for (const [names, says] of [
    ['b3', /@opentelemetry\/propagator-b3 is not installed/],
    ['xray', /expected some of tracecontext, .* found "xray"/],
  ] as const)
    assert.throws(
      () => propagatorFrom(names, loadOptional),
      (error) => isMeshError(error) && error.code === 'TULLE_CONFIG' && says.test(error.message),
    )
})
