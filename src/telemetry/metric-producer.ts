import { type HrTime, ValueType } from '@opentelemetry/api'
import type { DataPoint, Histogram, MetricData, MetricProducer } from '@opentelemetry/sdk-metrics'
import type { Duration } from './duration.ts'
import { ownInstruments } from './instruments.ts'
import { SCOPE } from './otel.ts'
import { BOUNDS, type OwnSeries } from './series.ts'

/** `DataPointType.HISTOGRAM` and `AggregationTemporality.CUMULATIVE`: the SDK is not loaded for two numbers. */
const HISTOGRAM = 0
const CUMULATIVE = 1

/** When counting began, for all producers of the process alike. */
let startTime: HrTime | undefined

/**
 * The durations the mesh measures, for a metric reader of the application
 * (https://opentelemetry.io/docs/specs/otel/metrics/sdk/#metricproducer). From the call on they are counted by the mesh
 * itself and no longer by the SDK's histograms. Cumulative, whatever the reader would like best; views do not see them.
 *
 * @param wall the time of day in milliseconds
 */
export function createMetricProducer(wall: () => number): MetricProducer {
  const { call, client, server, rpcClient, rpcServer } = ownInstruments()
  const durations = [call, client, server, rpcClient, rpcServer]
  startTime ??= hrTime(wall())
  const since = startTime
  return {
    async collect() {
      const endTime = hrTime(wall())
      const metrics = durations
        .filter(({ series }) => series.length > 0)
        .map((duration) => metricOf(duration, since, endTime))
      const scopeMetrics = metrics.length === 0 ? [] : [{ scope: { name: SCOPE }, metrics }]
      // The reader takes the resource from its own SDK.
      return { resourceMetrics: { resource: NO_RESOURCE, scopeMetrics }, errors: [] }
    },
  }
}

type Resource = Awaited<ReturnType<MetricProducer['collect']>>['resourceMetrics']['resource']
const NO_RESOURCE: Resource = {
  attributes: {},
  merge: (other) => other ?? NO_RESOURCE,
  getRawAttributes: () => [],
}

function metricOf({ name, description, series }: Duration, startTime: HrTime, endTime: HrTime): MetricData {
  return {
    descriptor: { name, description, unit: 's', valueType: ValueType.DOUBLE },
    aggregationTemporality: CUMULATIVE,
    dataPointType: HISTOGRAM,
    dataPoints: (series as readonly OwnSeries[]).map((one) => pointOf(one, startTime, endTime)),
  }
}

function pointOf(
  { attributes, counts, count, sum, min, max }: OwnSeries,
  startTime: HrTime,
  endTime: HrTime,
): DataPoint<Histogram> {
  const buckets = { boundaries: [...BOUNDS], counts: [...counts] }
  return { startTime, endTime, attributes, value: { buckets, count, sum, min, max } }
}

const hrTime = (ms: number): HrTime => [Math.floor(ms / 1000), Math.round((ms % 1000) * 1e6)]
