/**
 * gRPC's status codes by the names that policy, telemetry and errors use, and how they stand to HTTP
 * (https://github.com/grpc/grpc/blob/master/doc/statuscodes.md, doc/http-grpc-status-mapping.md; HTTP from gRPC as in
 * google/rpc/code.proto).
 */

const TABLE = [
  ['OK', 200],
  ['CANCELLED', 499],
  ['UNKNOWN', 500],
  ['INVALID_ARGUMENT', 400],
  ['DEADLINE_EXCEEDED', 504],
  ['NOT_FOUND', 404],
  ['ALREADY_EXISTS', 409],
  ['PERMISSION_DENIED', 403],
  ['RESOURCE_EXHAUSTED', 429],
  ['FAILED_PRECONDITION', 400],
  ['ABORTED', 409],
  ['OUT_OF_RANGE', 400],
  ['UNIMPLEMENTED', 501],
  ['INTERNAL', 500],
  ['UNAVAILABLE', 503],
  ['DATA_LOSS', 500],
  ['UNAUTHENTICATED', 401],
] as const satisfies readonly (readonly [string, number])[]

export type GrpcStatus = (typeof TABLE)[number][0]
/** As policy writes it: `unavailable`, `resource-exhausted`. */
export type GrpcStatusName = (typeof GRPC_STATUS_NAMES)[number]

/** Every status but OK, as policy writes them, in the order of their codes. */
export const GRPC_STATUS_NAMES = [
  'cancelled',
  'unknown',
  'invalid-argument',
  'deadline-exceeded',
  'not-found',
  'already-exists',
  'permission-denied',
  'resource-exhausted',
  'failed-precondition',
  'aborted',
  'out-of-range',
  'unimplemented',
  'internal',
  'unavailable',
  'data-loss',
  'unauthenticated',
] as const

const CODES: ReadonlyMap<string, number> = new Map(TABLE.map(([status], code) => [status, code]))

/** `UNAVAILABLE` → 14. */
export function grpcCode(status: GrpcStatus): number {
  return CODES.get(status) as number
}

/** 14 → `UNAVAILABLE`. A code that is none is UNKNOWN, as the specification asks of receivers. */
export function grpcStatus(code: number): GrpcStatus {
  return TABLE[code]?.[0] ?? 'UNKNOWN'
}

/** 14 → `unavailable`; undefined for OK. */
export function grpcStatusName(code: number): GrpcStatusName | undefined {
  return code === 0 ? undefined : (GRPC_STATUS_NAMES[code - 1] ?? 'unknown')
}

/** The HTTP status a gateway answers with where a gRPC call ended so. */
export function httpOfGrpc(code: number): number {
  return TABLE[code]?.[1] ?? 500
}

/** The gRPC code of an HTTP answer that carries no `grpc-status`. */
export function grpcOfHttp(status: number): number {
  switch (status) {
    case 200:
      return grpcCode('UNKNOWN')
    case 400:
      return grpcCode('INTERNAL')
    case 401:
      return grpcCode('UNAUTHENTICATED')
    case 403:
      return grpcCode('PERMISSION_DENIED')
    case 404:
      return grpcCode('UNIMPLEMENTED')
    case 429:
    case 502:
    case 503:
    case 504:
      return grpcCode('UNAVAILABLE')
    default:
      return grpcCode('UNKNOWN')
  }
}
