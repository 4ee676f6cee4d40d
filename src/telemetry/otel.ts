import {
  type Context,
  context,
  createNoopMeter,
  type Meter,
  type MeterProvider,
  metrics,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api'

/** What our spans and instruments are filed under. */
export const SCOPE = 'tulle'

/**
 * Where all copies of the API's first major version keep what is registered. What is there is only compared with what
 * was there before: to ask the API costs a comparison of versions each time, and a call would ask it five times.
 */
const REGISTRY = Symbol.for('opentelemetry.js.api.1')
type Kind = 'trace' | 'metrics' | 'context' | 'propagation'

export function registered(kind: Kind): unknown {
  return (globalThis as { [REGISTRY]?: Partial<Record<Kind, unknown>> })[REGISTRY]?.[kind]
}

/** Not yet asked: unlike all that can be registered. */
const UNKNOWN: unknown = {}

/** What a proxy hands out while no SDK is registered; one object per copy of the API. */
const NO_TRACING = new ProxyTracerProvider().getDelegate()

let tracing = UNKNOWN
let registeredTracing: TracerProvider | ProxyTracerProvider
let tracerProvider: TracerProvider | undefined
let tracer: Tracer | undefined

/**
 * The tracer of the SDK that is registered now; undefined: there is none, and no span is worth making. An SDK may come
 * after the mesh, so this is asked per call.
 */
export function activeTracer(): Tracer | undefined {
  const now = registered('trace')
  if (now !== tracing) {
    tracing = now
    registeredTracing = trace.getTracerProvider()
  }
  const provider = 'getDelegate' in registeredTracing ? registeredTracing.getDelegate() : registeredTracing
  if (provider !== tracerProvider) {
    tracerProvider = provider
    tracer = provider === NO_TRACING ? undefined : provider.getTracer(SCOPE)
  }
  return tracer
}

let metering = UNKNOWN
let meterProvider: MeterProvider | undefined
let meter: Meter | undefined

/** The same for metrics. */
export function activeMeter(): Meter | undefined {
  const now = registered('metrics')
  if (now === metering) return meter
  metering = now
  const provider = metrics.getMeterProvider()
  if (provider !== meterProvider) {
    meterProvider = provider
    const candidate = provider.getMeter(SCOPE)
    meter = candidate === createNoopMeter() ? undefined : candidate
  }
  return meter
}

/** The context that is active; undefined: none of anybody's. */
export function activeContext(): Context | undefined {
  if (registered('context') === undefined) return undefined
  const active = context.active()
  return active === ROOT_CONTEXT ? undefined : active
}
