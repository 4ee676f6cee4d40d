import { context, diag, propagation, trace } from '@opentelemetry/api'
import type { SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace-node'
import { MeshError } from '../core/errors.ts'
import { batched, processorsFrom } from './exporters.ts'
import { loadOptional } from './optional.ts'
import { activeTracer } from './otel.ts'
import { propagatorFrom } from './propagators.ts'
import { resourceFrom } from './resource.ts'

/** What {@link startTelemetry} accepts; everything has its `OTEL_*` variable. */
export interface TelemetryOptions {
  /** The name spans carry. Default: `OTEL_SERVICE_NAME`, then `TULLE_SERVICE`. */
  readonly service?: string | undefined
  /** Where spans go instead of what `OTEL_TRACES_EXPORTER` says, through a bounded queue. */
  readonly exporter?: SpanExporter | undefined
  /** What spans go through instead of everything above. */
  readonly spanProcessors?: readonly SpanProcessor[] | undefined
}

/** The tracing that {@link startTelemetry} set up. A collector that cannot be reached fails neither of these. */
export interface Telemetry {
  /** Sends what is still queued. */
  flush(): Promise<void>
  /** Sends what is still queued and takes tracing down; afterwards it may be started anew. Safe to call twice. */
  shutdown(): Promise<void>
}

let running: Telemetry | undefined

/**
 * Sets up OpenTelemetry tracing for a process that has none of its own: `@opentelemetry/sdk-trace-node` with async
 * context, W3C propagation (`OTEL_PROPAGATORS`), a sampler (`OTEL_TRACES_SAMPLER`) and an exporter
 * (`OTEL_TRACES_EXPORTER`: `otlp`, `console`, `none`). `OTEL_SDK_DISABLED=true` leaves everything undone. Call it
 * before the mesh or after; a second call returns what the first one started.
 *
 * @throws MeshError `TULLE_CONFIG`: a package is missing, a variable has an unknown value, or OpenTelemetry is set up
 * already by somebody else
 */
export function startTelemetry(options: TelemetryOptions = {}): Telemetry {
  if (running !== undefined) return running
  const { env } = process
  if (env.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true') return DISABLED
  if (activeTracer() !== undefined)
    throw misconfigured(
      'OpenTelemetry is set up in this process already',
      'Leave startTelemetry() out; the mesh uses what is there.',
    )
  const sdk = loadOptional<typeof import('@opentelemetry/sdk-trace-node')>(
    '@opentelemetry/sdk-trace-node',
    'startTelemetry() needs the OpenTelemetry SDK',
  )
  const propagator = propagatorFrom(env.OTEL_PROPAGATORS, loadOptional)
  const spanProcessors =
    options.spanProcessors !== undefined
      ? [...options.spanProcessors]
      : options.exporter !== undefined
        ? [batched(options.exporter, sdk)]
        : processorsFrom(env, sdk, loadOptional)
  const provider = new sdk.NodeTracerProvider({
    resource: resourceFrom(env, options.service),
    spanProcessors,
  })
  provider.register({ propagator })
  if (activeTracer() === undefined) {
    throw misconfigured(
      'the OpenTelemetry SDK was registered and is not visible here',
      'Two versions of @opentelemetry/api are installed: `npm ls @opentelemetry/api` shows them, `npm dedupe` helps.',
    )
  }
  const telemetry: Telemetry = {
    flush: () => provider.forceFlush().catch(lost),
    async shutdown() {
      if (running !== telemetry) return
      running = undefined
      trace.disable()
      context.disable()
      propagation.disable()
      await provider.shutdown().catch(lost)
    },
  }
  running = telemetry
  return telemetry
}

const DISABLED: Telemetry = { flush: async () => {}, shutdown: async () => {} }

/** Spans that could not be sent are a loss, and no reason for an application to end badly. */
function lost(error: unknown): void {
  diag.error('tulle: queued spans could not be sent', error)
}

function misconfigured(message: string, hint: string): MeshError {
  return new MeshError('TULLE_CONFIG', message, { layer: 'telemetry', hint })
}
