import { estimateMs } from '../balance/ewma.ts'
import type { ServiceTable } from './table.ts'

/** One service as `mesh.health()` and `mesh.describe()` show it. */
export interface ServiceView {
  readonly service: string
  /** False: no endpoint set has arrived yet. */
  readonly ready: boolean
  readonly known: number
  /** Known and not ejected. */
  readonly available: number
  readonly ejected: number
  /** Ejection is ignored, because too few would be left. */
  readonly panic: boolean
  /** Transports of removed endpoints that finish what they have. */
  readonly draining: number
  readonly inFlight: number
  readonly endpoints: readonly EndpointView[]
}

export interface EndpointView {
  readonly id: string
  readonly weight: number
  readonly zone: string | undefined
  readonly version: string | undefined
  /** What it is registered to speak; undefined: whatever it is called with. */
  readonly protocol: 'http' | 'grpc' | undefined
  readonly inFlight: number
  /** What the balancer expects a call to take, in milliseconds: the decayed round trip, the oldest wait or a penalty. */
  readonly expectedMs: number
  readonly ejected: boolean
}

export function viewOf(table: ServiceTable, nowMs: number): ServiceView {
  const endpoints = table.endpoints.map(
    ({ id, weight, zone, version, protocol, load, ejected }): EndpointView => ({
      id,
      weight,
      zone,
      version,
      protocol,
      inFlight: load.inFlight,
      expectedMs: Math.round(estimateMs(load, nowMs) * 10) / 10,
      ejected,
    }),
  )
  return {
    service: table.name,
    ready: table.ready,
    known: endpoints.length,
    available: endpoints.length - table.ejected,
    ejected: table.ejected,
    panic: table.panic,
    draining: table.draining,
    inFlight: endpoints.reduce((sum, { inFlight }) => sum + inFlight, 0),
    endpoints,
  }
}
