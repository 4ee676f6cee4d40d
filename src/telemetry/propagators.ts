import type { Context, TextMapGetter, TextMapPropagator, TextMapSetter } from '@opentelemetry/api'
import { MeshError } from '../core/errors.ts'
import type { Load } from './optional.ts'
import { baggagePropagator, traceContextPropagator } from './w3c-propagator.ts'

/** `OTEL_PROPAGATORS` → one propagator; the default is the specification's. */
export function propagatorFrom(names: string | undefined, load: Load): TextMapPropagator {
  const list = (names ?? 'tracecontext,baggage').split(',').map((name) => name.trim())
  const wanted = [...new Set(list.filter((name) => name !== ''))]
  if (wanted.includes('none')) return NONE
  return new Composite(wanted.map((name) => propagatorNamed(name, load)))
}

function propagatorNamed(name: string, load: Load): TextMapPropagator {
  switch (name) {
    case 'tracecontext':
      return traceContextPropagator
    case 'baggage':
      return baggagePropagator
    case 'b3':
    case 'b3multi': {
      const b3 = load<B3>('@opentelemetry/propagator-b3', `OTEL_PROPAGATORS names ${name}`)
      return new b3.B3Propagator({
        injectEncoding: b3.B3InjectEncoding[name === 'b3' ? 'SINGLE_HEADER' : 'MULTI_HEADER'],
      })
    }
    case 'jaeger': {
      const jaeger = load<Jaeger>('@opentelemetry/propagator-jaeger', 'OTEL_PROPAGATORS names jaeger')
      return new jaeger.JaegerPropagator()
    }
    default:
      throw new MeshError(
        'TULLE_CONFIG',
        `OTEL_PROPAGATORS: expected some of tracecontext, baggage, b3, b3multi, jaeger, or none, found "${name}"`,
        { layer: 'telemetry' },
      )
  }
}

interface B3 {
  readonly B3InjectEncoding: { readonly SINGLE_HEADER: number; readonly MULTI_HEADER: number }
  readonly B3Propagator: new (options: { injectEncoding: number }) => TextMapPropagator
}
interface Jaeger {
  readonly JaegerPropagator: new () => TextMapPropagator
}

/**
 * `none` is a decision, unlike no propagator at all: it claims the W3C headers and writes none, so that the mesh does
 * not fall back to writing them itself.
 */
const NONE: TextMapPropagator = {
  fields: () => traceContextPropagator.fields(),
  inject() {},
  extract: (context) => context,
}

class Composite implements TextMapPropagator {
  readonly #parts: readonly TextMapPropagator[]
  readonly #fields: string[]

  constructor(parts: readonly TextMapPropagator[]) {
    this.#parts = parts
    this.#fields = [...new Set(parts.flatMap((part) => part.fields()))]
  }

  fields(): string[] {
    return this.#fields
  }

  inject<C>(context: Context, carrier: C, setter: TextMapSetter<C>): void {
    for (const part of this.#parts) part.inject(context, carrier, setter)
  }

  extract<C>(context: Context, carrier: C, getter: TextMapGetter<C>): Context {
    return this.#parts.reduce((found, part) => part.extract(found, carrier, getter), context)
  }
}
