import type { Histogram, Meter } from '@opentelemetry/api'
import { Labels } from './labels.ts'
import { activeMeter } from './otel.ts'

/** The bounds that the HTTP and the RPC conventions advise, in seconds. */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

export interface Duration {
  readonly histogram: Histogram
  readonly labels: Labels
}

/** The histograms of the meter provider that is registered now. */
export interface Instruments {
  readonly meter: Meter
  /** What the application asked for, waits and retries included. */
  readonly call: Duration
  /** One per attempt over HTTP, as the convention wants it. */
  readonly client: Duration
  readonly server: Duration
  /** One per logical gRPC call. */
  readonly rpcClient: Duration
  readonly rpcServer: Duration
}

let current: Instruments | undefined

/**
 * Undefined while no meter provider is registered: then nothing is measured at all, because recording costs about a
 * microsecond where somebody reads. Asked per call, as the provider may come late.
 */
export function activeInstruments(): Instruments | undefined {
  const meter = activeMeter()
  if (meter !== current?.meter) current = meter === undefined ? undefined : create(meter)
  return current
}

function create(meter: Meter): Instruments {
  const duration = (name: string, description: string): Duration => ({
    histogram: meter.createHistogram(name, {
      description,
      unit: 's',
      advice: { explicitBucketBoundaries: BOUNDS },
    }),
    labels: new Labels(),
  })
  return {
    meter,
    call: duration('tulle.client.call.duration', 'Duration of logical calls, waits and retries included.'),
    client: duration('http.client.request.duration', 'Duration of HTTP client requests.'),
    server: duration('http.server.request.duration', 'Duration of HTTP server requests.'),
    rpcClient: duration('rpc.client.call.duration', 'Duration of outgoing remote procedure calls.'),
    rpcServer: duration('rpc.server.call.duration', 'Duration of inbound remote procedure calls.'),
  }
}
