import {
  type Attributes,
  type Context,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
} from '@opentelemetry/api'
import type { Call } from '../core/call.ts'
import { CODES } from '../core/codes.ts'
import { type GrpcStatus, grpcCode, grpcStatus } from '../core/grpc-status.ts'
import type { Outcome } from '../core/outcome.ts'
import { verdictKey } from './duration.ts'
import { ERROR_TYPE, PEER_ADDRESS, PEER_PORT, SERVER_ADDRESS, SERVER_PORT } from './http-semantics.ts'
import type { Instruments } from './instruments.ts'
import type { Semantics } from './semantics.ts'

/**
 * OpenTelemetry's RPC conventions for gRPC, release candidate
 * (https://opentelemetry.io/docs/specs/semconv/rpc/grpc/): one span per logical call, however many attempts it takes.
 */

export const SYSTEM = 'rpc.system.name'
export const RPC_METHOD = 'rpc.method'
export const RPC_STATUS = 'rpc.response.status_code'

/** The statuses that are the server's own failure; the rest is the caller's, and an error only where the caller is. */
const SERVER_ERRORS: ReadonlySet<GrpcStatus> = new Set([
  'UNKNOWN',
  'DEADLINE_EXCEEDED',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
])

/** `/pricing.v1.Pricing/Quote` → `pricing.v1.Pricing/Quote`. */
function rpcMethod(call: Call<unknown>): string {
  return call.path.slice(1)
}

/** What a gRPC call ended with: the peer's status, that of an error of ours, or CANCELLED where the caller left. */
export function rpcStatus({ class: verdict, code, condition, error }: Outcome): GrpcStatus {
  if (code !== undefined) return grpcStatus(code)
  if (error !== undefined) return CODES[error.code].grpc as GrpcStatus
  if (verdict === 'success') return 'OK'
  if (condition === 'deadline' || condition === 'try-timeout') return 'DEADLINE_EXCEEDED'
  return verdict === 'ignored' ? 'CANCELLED' : 'UNKNOWN'
}

/** What `error.type` says: the code of an error of ours, or the status; undefined: it is no error on this side. */
export function rpcError(
  outcome: Outcome,
  status: GrpcStatus,
  side: 'client' | 'server',
): string | undefined {
  const failed = side === 'client' ? status !== 'OK' : SERVER_ERRORS.has(status)
  return failed ? (outcome.error?.code ?? status) : undefined
}

function describe(span: Span, outcome: Outcome, side: 'client' | 'server'): void {
  const status = rpcStatus(outcome)
  span.setAttribute(RPC_STATUS, status)
  const type = rpcError(outcome, status, side)
  if (type === undefined) return
  span.setAttribute(ERROR_TYPE, type)
  const { error } = outcome
  // The status code says the rest already.
  span.setStatus(
    error === undefined
      ? { code: SpanStatusCode.ERROR }
      : { code: SpanStatusCode.ERROR, message: error.message },
  )
}

/** Given when a span is opened, because samplers look at them. */
function identity(call: Call<unknown>): Attributes {
  return { [SYSTEM]: 'grpc', [RPC_METHOD]: rpcMethod(call), [SERVER_ADDRESS]: call.target.service }
}

export const RPC: Semantics = {
  /**
   * Where the caller's metadata carries a trace, whoever wrote it has the CLIENT span; ours is then only what became
   * of the call in the mesh.
   */
  openCall(tracer: Tracer, call: Call<unknown>, parent: Context): Span {
    const attributes = identity(call)
    return call.carriesTrace === true
      ? tracer.startSpan(`tulle ${call.target.service}`, { kind: SpanKind.INTERNAL, attributes }, parent)
      : tracer.startSpan(rpcMethod(call), { kind: SpanKind.CLIENT, attributes }, parent)
  },

  describeCall(span, { endpoint }, outcome) {
    if (endpoint !== undefined) {
      span.setAttribute(SERVER_PORT, endpoint.port)
      span.setAttribute(PEER_ADDRESS, endpoint.address)
      span.setAttribute(PEER_PORT, endpoint.port)
    }
    describe(span, outcome, 'client')
  },

  callError: (outcome) => outcome.error?.code ?? rpcError(outcome, rpcStatus(outcome), 'server'),

  recordCall({ rpcClient }: Instruments, call, outcome, durationMs) {
    const status = rpcStatus(outcome)
    const error = rpcError(outcome, status, 'client')
    const { service } = call.target
    const port = call.endpoint?.port
    const verdict = verdictKey(status, error)
    const series =
      rpcClient.find(service, port, call.path, verdict) ??
      rpcClient.add(service, port, call.path, verdict, {
        ...identity(call),
        ...(port !== undefined && { [SERVER_PORT]: port }),
        [RPC_STATUS]: status,
        ...(error !== undefined && { [ERROR_TYPE]: error }),
      })
    series.record(durationMs)
  },

  attempts: () => undefined,

  openRequest(tracer, call, parent) {
    const span = tracer.startSpan(
      rpcMethod(call),
      { kind: SpanKind.SERVER, attributes: identity(call) },
      parent,
    )
    if (call.peer?.address !== undefined) span.setAttribute(PEER_ADDRESS, call.peer.address)
    return span
  },

  describeRequest: (span, _call, outcome) => describe(span, outcome, 'server'),

  recordRequest({ rpcServer }, call, outcome, _status, durationMs) {
    const status = rpcStatus(outcome)
    const error = rpcError(outcome, status, 'server')
    const { path } = call
    const series =
      rpcServer.find(path, status, error, undefined) ??
      rpcServer.add(path, status, error, undefined, {
        [SYSTEM]: 'grpc',
        [RPC_METHOD]: rpcMethod(call),
        [RPC_STATUS]: status,
        ...(error !== undefined && { [ERROR_TYPE]: error }),
      })
    series.record(durationMs)
  },

  answered: (outcome) => grpcCode(rpcStatus(outcome)),

  /** Only methods that the application has registered come this far. */
  routeOf: (call) => call.path,
}
