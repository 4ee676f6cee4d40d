import type { Outcome } from './outcome.ts'

/** What happens in the mesh, for logs, metrics and diagnostics channels. Payloads are values: keep no reference to a call. */
export interface EventMap {
  /** One per logical outgoing call, at its end. */
  call: CallEvent
  /** One per inbound request, at its end. */
  request: RequestEvent
  retry: {
    service: string
    number: number
    afterMs: number
    condition: string | undefined
    transparent: boolean
  }
  'retry-refused': { service: string; reason: 'budget' | 'deadline' | 'limit' | 'unreplayable' }
  ejected: { service: string; endpoint: string; forMs: number; reason: string }
  readmitted: { service: string; endpoint: string }
  panic: { service: string; available: number; known: number; active: boolean }
  breaker: { service: string; state: 'open' | 'half-open' | 'closed' }
  endpoints: { service: string; added: number; removed: number; known: number }
  'policy-applied': { version: string; documents: number }
  'policy-refused': { document: string; problems: readonly string[] }
  state: { from: string; to: string }
  'plaintext-request': { peer: string | undefined }
  'connection-refused': { reason: string; peer: string | undefined }
}

export interface CallEvent {
  readonly protocol: 'http' | 'grpc'
  readonly service: string
  readonly route: string
  /** Always `POST` for gRPC. */
  readonly method: string
  /** For gRPC the method: `/pricing.v1.Pricing/Quote`. */
  readonly path: string
  readonly endpoint: string | undefined
  readonly attempts: number
  readonly outcome: Outcome
  readonly durationMs: number
  readonly policyVersion: string
  readonly traceId: string | undefined
}

export interface RequestEvent {
  readonly protocol: 'http' | 'grpc'
  readonly service: string
  /** Always `POST` for gRPC. */
  readonly method: string
  /** The framework's route pattern where one was known at the end, for gRPC the method; bounded cardinality. */
  readonly route: string | undefined
  readonly path: string
  /** The HTTP status, or the gRPC code (0 is OK). */
  readonly status: number | undefined
  readonly peer: string | undefined
  readonly outcome: Outcome
  readonly durationMs: number
  readonly traceId: string | undefined
}

/** What an access log is told: one entry per outgoing call and per inbound request, at its end. */
export type AccessLogEntry =
  | ({ readonly kind: 'call' } & CallEvent)
  | ({ readonly kind: 'request' } & RequestEvent)
export type AccessLog = (entry: AccessLogEntry) => void

export type EventName = keyof EventMap

export interface Events {
  /** False where nobody listens, so that hot paths build no payload for nothing. */
  wants(name: EventName): boolean
  emit<N extends EventName>(name: N, payload: EventMap[N]): void
  on<N extends EventName>(name: N, listener: (payload: EventMap[N]) => void): () => void
}

export const SILENT: Events = {
  wants: () => false,
  emit() {},
  on: () => () => {},
}
