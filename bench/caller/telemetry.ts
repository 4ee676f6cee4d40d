import { metrics } from '@opentelemetry/api'
import {
  MeterProvider,
  type MetricProducer,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  NodeTracerProvider,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-node'

const SUCCESS = { code: 0 }

/** What it is given is counted and thrown away: what a wire format costs belongs to whoever chooses it. */
class Counting implements SpanExporter {
  exported = 0
  export(spans: readonly unknown[], done: (result: { code: number }) => void): void {
    this.exported += spans.length
    done(SUCCESS)
  }
  async shutdown(): Promise<void> {}
}

/**
 * Metrics as an application has them: an SDK that reads them once a minute.
 *
 * @param producers what counts by itself; everything else is recorded with the SDK's instruments
 */
export function readMetrics(metricProducers: MetricProducer[] = []): void {
  const exporter = {
    export: (_metrics, done) => done(SUCCESS),
    forceFlush: async () => {},
    shutdown: async () => {},
  } satisfies PushMetricExporter
  metrics.setGlobalMeterProvider(
    new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter, metricProducers })] }),
  )
}

/** A tracing SDK that sends W3C headers and samples nothing, or everything. */
export class Tracing {
  readonly provider: NodeTracerProvider
  readonly #exporter = new Counting()
  readonly #sampled: boolean
  #calls = 0

  constructor(sampled: boolean) {
    this.#sampled = sampled
    // The queue takes all spans of a window: one that drops them would be cheap for the wrong reason.
    const processor = new BatchSpanProcessor(this.#exporter, { maxQueueSize: 2 ** 20 })
    this.provider = new NodeTracerProvider({
      sampler: sampled ? new AlwaysOnSampler() : new AlwaysOffSampler(),
      spanProcessors: [processor],
    })
    this.provider.register()
  }

  /** All spans of the calls so far are exported. @throws Error where some are missing */
  async settle(calls: number): Promise<void> {
    this.#calls += calls
    if (!this.#sampled) return
    await this.provider.forceFlush()
    if (this.#exporter.exported < this.#calls)
      throw new Error(`${this.#exporter.exported} spans exported of ${this.#calls} calls`)
  }
}
