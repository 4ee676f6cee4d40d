import type { SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace-node'
import { MeshError } from '../core/errors.ts'
import type { Load } from './optional.ts'

type Sdk = typeof import('@opentelemetry/sdk-trace-node')

export interface ExporterVariables {
  readonly OTEL_TRACES_EXPORTER?: string | undefined
  readonly OTEL_EXPORTER_OTLP_PROTOCOL?: string | undefined
  readonly OTEL_EXPORTER_OTLP_TRACES_PROTOCOL?: string | undefined
}

const OTLP: Readonly<Record<string, string>> = {
  'http/protobuf': '@opentelemetry/exporter-trace-otlp-proto',
  'http/json': '@opentelemetry/exporter-trace-otlp-http',
  grpc: '@opentelemetry/exporter-trace-otlp-grpc',
}

/** `OTEL_TRACES_EXPORTER` → span processors; the default is `otlp`, as in every OpenTelemetry SDK. */
export function processorsFrom(env: ExporterVariables, sdk: Sdk, load: Load): SpanProcessor[] {
  const names = (env.OTEL_TRACES_EXPORTER ?? 'otlp').split(',').map((name) => name.trim())
  const wanted = names.filter((name) => name !== '')
  if (wanted.includes('none')) return []
  return [...new Set(wanted)].map((name) => processorNamed(name, env, sdk, load))
}

function processorNamed(name: string, env: ExporterVariables, sdk: Sdk, load: Load): SpanProcessor {
  if (name === 'console') return new sdk.SimpleSpanProcessor(new sdk.ConsoleSpanExporter())
  if (name === 'otlp') return batched(otlpExporter(env, load), sdk)
  throw new MeshError(
    'TULLE_CONFIG',
    `OTEL_TRACES_EXPORTER: expected otlp, console or none, found "${name}"`,
    { layer: 'telemetry' },
  )
}

/**
 * A bounded queue between the application and the exporter (`OTEL_BSP_*`): a slow or dead collector costs spans,
 * never calls.
 */
export function batched(exporter: SpanExporter, sdk: Sdk): SpanProcessor {
  return new sdk.BatchSpanProcessor(exporter)
}

/** The exporters read their own variables: endpoint, headers, certificates, timeout. */
function otlpExporter(env: ExporterVariables, load: Load): SpanExporter {
  const protocol =
    env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL ?? env.OTEL_EXPORTER_OTLP_PROTOCOL ?? 'http/protobuf'
  const name = OTLP[protocol]
  if (name === undefined) {
    throw new MeshError(
      'TULLE_CONFIG',
      `OTEL_EXPORTER_OTLP_PROTOCOL: expected ${Object.keys(OTLP).join(', ')}, found "${protocol}"`,
      { layer: 'telemetry' },
    )
  }
  const reason = `spans go to ${protocol} over OTLP unless OTEL_TRACES_EXPORTER says console or none`
  return new (load<{ OTLPTraceExporter: new () => SpanExporter }>(name, reason).OTLPTraceExporter)()
}
