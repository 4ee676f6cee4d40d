import { metrics, type Span, type TextMapPropagator } from '@opentelemetry/api'
import {
  AggregationTemporality,
  type DataPoint,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-node'

/** The real SDK, registered for this process, its spans kept in memory. A test file is a process of its own. */
export class TestSdk {
  readonly provider: NodeTracerProvider
  readonly #exporter = new InMemorySpanExporter()

  constructor(
    more: { sampler?: Sampler; propagator?: TextMapPropagator | null; processors?: SpanProcessor[] } = {},
  ) {
    const { sampler, propagator, processors = [] } = more
    this.provider = new NodeTracerProvider({
      spanProcessors: [...processors, new SimpleSpanProcessor(this.#exporter)],
      ...(sampler !== undefined && { sampler }),
    })
    this.provider.register(propagator === undefined ? {} : { propagator })
  }

  /** The spans that ended since the last look, in that order. */
  taken(): ReadableSpan[] {
    const spans = this.#exporter.getFinishedSpans()
    this.#exporter.reset()
    return spans
  }

  tracer(): ReturnType<NodeTracerProvider['getTracer']> {
    return this.provider.getTracer('test')
  }
}

export const parentIdOf = (span: ReadableSpan): string | undefined => span.parentSpanContext?.spanId
export const idOf = (span: ReadableSpan | Span): string => span.spanContext().spanId

/** The real metrics SDK with a reader that is asked by hand. */
export class TestMeters {
  readonly #reader: PeriodicExportingMetricReader
  readonly #exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  readonly #provider: MeterProvider

  constructor() {
    this.#reader = new PeriodicExportingMetricReader({
      exporter: this.#exporter,
      exportIntervalMillis: 3_600_000,
      exportTimeoutMillis: 3_600_000,
    })
    this.#provider = new MeterProvider({ readers: [this.#reader] })
    metrics.setGlobalMeterProvider(this.#provider)
  }

  /** The data points of one instrument as they are now. */
  async points(name: string): Promise<DataPoint<any>[]> {
    const { resourceMetrics } = await this.#reader.collect()
    return resourceMetrics.scopeMetrics
      .flatMap((scope) => scope.metrics)
      .filter((metric) => metric.descriptor.name === name)
      .flatMap((metric) => metric.dataPoints as DataPoint<any>[])
  }

  /** The one data point that has these attributes. */
  async point(name: string, attributes: object): Promise<DataPoint<any> | undefined> {
    return (await this.points(name)).find((point) =>
      Object.entries(attributes).every(([key, value]) => point.attributes[key] === value),
    )
  }

  async stop(): Promise<void> {
    metrics.disable()
    await this.#provider.shutdown()
  }
}
