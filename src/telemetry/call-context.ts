import { type Context, type Span, trace } from '@opentelemetry/api'

/**
 * A context with one value more than another. The API's own contexts copy all their values with each that is set, which
 * for the two that a call needs is most of what an unsampled one costs; this one asks its parent. For contexts that live
 * as long as a call and have few generations: a look-up walks them.
 */
class Overlay implements Context {
  readonly #parent: Context
  readonly #key: symbol
  readonly #value: unknown

  constructor(parent: Context, key: symbol, value: unknown) {
    this.#parent = parent
    this.#key = key
    this.#value = value
  }

  getValue(key: symbol): unknown {
    return key === this.#key ? this.#value : this.#parent.getValue(key)
  }

  setValue(key: symbol, value: unknown): Context {
    return new Overlay(this, key, value)
  }

  deleteValue(key: symbol): Context {
    return new Overlay(this, key, undefined)
  }
}

/** The name under which the API keeps the span of a context: it tells nobody, but writes with it. */
const SPAN_KEY: symbol = (() => {
  let key: symbol | undefined
  const scribe: Context = {
    getValue: () => undefined,
    setValue(name) {
      key = name
      return scribe
    },
    deleteValue: () => scribe,
  }
  trace.setSpan(scribe, trace.wrapSpanContext({ traceId: '', spanId: '', traceFlags: 0 }))
  return key as unknown as symbol
})()

/** `trace.setSpan` for the span of a call or an attempt. */
export function withSpan(parent: Context, span: Span): Context {
  return new Overlay(parent, SPAN_KEY, span)
}
