import {
  createNoopMeter,
  type Meter,
  type MeterProvider,
  metrics,
  ProxyTracerProvider,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api'

/** What our spans and instruments are filed under. */
export const SCOPE = 'tulle'

/** What a proxy hands out while no SDK is registered; one object per copy of the API. */
const NO_TRACING = new ProxyTracerProvider().getDelegate()

let tracerProvider: TracerProvider | undefined
let tracer: Tracer | undefined

/**
 * The tracer of the SDK that is registered now; undefined: there is none, and no span is worth making. An SDK may come
 * after the mesh, so this is asked per call; it costs a look-up and two comparisons.
 */
export function activeTracer(): Tracer | undefined {
  const registered = trace.getTracerProvider()
  const provider =
    'getDelegate' in registered ? (registered as ProxyTracerProvider).getDelegate() : registered
  if (provider !== tracerProvider) {
    tracerProvider = provider
    tracer = provider === NO_TRACING ? undefined : provider.getTracer(SCOPE)
  }
  return tracer
}

let meterProvider: MeterProvider | undefined
let meter: Meter | undefined

/** The same for metrics. */
export function activeMeter(): Meter | undefined {
  const provider = metrics.getMeterProvider()
  if (provider !== meterProvider) {
    meterProvider = provider
    const candidate = provider.getMeter(SCOPE)
    meter = candidate === createNoopMeter() ? undefined : candidate
  }
  return meter
}
