import type { Attributes, Meter } from '@opentelemetry/api'
import { Duration } from './duration.ts'
import { activeMeter } from './otel.ts'
import { BOUNDS, OwnSeries, SdkSeries, type Series } from './series.ts'

/** The histograms of this process. */
export interface Instruments {
  /** Undefined: no meter provider is registered, only a metric producer collects. */
  readonly meter: Meter | undefined
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
let own: Omit<Instruments, 'meter'> | undefined

/**
 * Undefined while nobody collects: no meter provider is registered and no metric producer was made. Then nothing is
 * measured at all. Asked per call, as either may come late.
 */
export function activeInstruments(): Instruments | undefined {
  const meter = activeMeter()
  if (meter === current?.meter) return current
  if (own !== undefined) current = { ...own, meter }
  else current = meter === undefined ? undefined : { ...throughSdk(meter), meter }
  return current
}

/**
 * From now on durations are counted by the mesh itself and recorded with no meter: each would otherwise be collected
 * twice. The same instruments however often it is called.
 */
export function ownInstruments(): Omit<Instruments, 'meter'> {
  if (own === undefined) {
    own = create(() => (attributes) => new OwnSeries(attributes))
    current = { ...own, meter: activeMeter() }
  }
  return own
}

const throughSdk = (meter: Meter): Omit<Instruments, 'meter'> =>
  create((name, description) => {
    const advice = { explicitBucketBoundaries: [...BOUNDS] }
    const histogram = meter.createHistogram(name, { description, unit: 's', advice })
    return (attributes) => new SdkSeries(histogram, attributes)
  })

type Maker = (name: string, description: string) => (attributes: Attributes) => Series

function create(maker: Maker): Omit<Instruments, 'meter'> {
  const duration = (name: string, description: string): Duration =>
    new Duration(name, description, maker(name, description))
  return {
    call: duration('tulle.client.call.duration', 'Duration of logical calls, waits and retries included.'),
    client: duration('http.client.request.duration', 'Duration of HTTP client requests.'),
    server: duration('http.server.request.duration', 'Duration of HTTP server requests.'),
    rpcClient: duration('rpc.client.call.duration', 'Duration of outgoing remote procedure calls.'),
    rpcServer: duration('rpc.server.call.duration', 'Duration of inbound remote procedure calls.'),
  }
}
