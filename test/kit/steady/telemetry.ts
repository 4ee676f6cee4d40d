import { metrics } from '@opentelemetry/api'
import { MeterProvider, type MetricProducer, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import {
  BatchSpanProcessor,
  NodeTracerProvider,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-node'

const DONE = { code: 0 }

/**
 * Metrics as an application has them: read by an SDK, four times a second, and thrown away.
 *
 * @param metricProducers who counts for itself; all else the SDK counts
 */
export function readMetrics(metricProducers: MetricProducer[] = []): {
  collect(): Promise<unknown>
  stop(): Promise<void>
} {
  const reader = new PeriodicExportingMetricReader({
    exportIntervalMillis: 250,
    exportTimeoutMillis: 250,
    metricProducers,
    exporter: {
      export: (_, done) => done(DONE),
      forceFlush: async () => {},
      shutdown: async () => {},
    },
  })
  const provider = new MeterProvider({ readers: [reader] })
  metrics.setGlobalMeterProvider(provider)
  return { collect: () => reader.collect(), stop: () => provider.shutdown() }
}

/** One trace of fifty is sampled, and its spans are exported in batches, to nowhere. */
export class Tracing {
  exported = 0
  readonly #provider = new NodeTracerProvider({
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(0.02) }),
    spanProcessors: [
      new BatchSpanProcessor({
        export: (spans, done) => {
          this.exported += spans.length
          done(DONE)
        },
        shutdown: async () => {},
      }),
    ],
  })

  constructor() {
    this.#provider.register()
  }

  flush(): Promise<void> {
    return this.#provider.forceFlush()
  }

  stop(): Promise<void> {
    return this.#provider.shutdown()
  }
}
