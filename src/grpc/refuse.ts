import { Metadata, type StatusObject } from '@grpc/grpc-js'
import { DENIED } from '../core/authorizer.ts'
import { CODES } from '../core/codes.ts'
import type { MeshError } from '../core/errors.ts'
import { type GrpcStatus, grpcCode } from '../core/grpc-status.ts'
import { REFUSED } from '../core/header-names.ts'
import { refusal } from '../core/outcome.ts'
import type { Runtime } from '../core/runtime.ts'

/** gRFC A6: how long a client is to wait before it tries again, in milliseconds. */
const PUSHBACK = 'grpc-retry-pushback-ms'
const PUSHBACK_MS = '1000'
const NOT_PRINTABLE = /[^ -~]+/g

/**
 * An error as a gRPC status: what a stranger may know of it, never its cause, its endpoints or its stack.
 *
 * @param seen whether the application has seen the call: only where it has not is our own word added, which callers read
 *   as "send it again, elsewhere"
 */
export function statusOfRefusal(error: MeshError, seen: boolean): StatusObject {
  const { code, layer = 'server' } = error
  const { message, hint } = code === 'TULLE_DENIED' ? DENIED : error
  const metadata = new Metadata()
  if (!seen) metadata.set(REFUSED, code)
  // A draining instance names no time: its callers are to go elsewhere, now.
  if (code === 'TULLE_OVERLOADED') metadata.set(PUSHBACK, PUSHBACK_MS)
  const details = `${code} (${layer}): ${message} ${hint}`.replace(NOT_PRINTABLE, '?')
  return { code: grpcCode(CODES[code].grpc as GrpcStatus), details, metadata }
}

/** What is refused before it is a call passes no layer, yet operators want to count it. */
export function announceRefused(
  runtime: Runtime,
  path: string,
  peer: string | undefined,
  error: MeshError,
): void {
  const { log, events, service } = runtime
  log.debug('refused a call before anything looked at it', { code: error.code, reason: error.message, peer })
  if (!events.wants('request')) return
  events.emit('request', {
    protocol: 'grpc',
    service,
    method: 'POST',
    route: path,
    path,
    status: grpcCode(CODES[error.code].grpc as GrpcStatus),
    peer,
    outcome: refusal(error),
    durationMs: 0,
    traceId: undefined,
  })
}

/** The metadata without the word by which we say that the application has not seen a call (`x-tulle-refused`). */
export function withoutOurWords(metadata: Metadata): Metadata {
  if (metadata.get(REFUSED).length === 0) return metadata
  const without = metadata.clone()
  without.remove(REFUSED)
  return without
}
