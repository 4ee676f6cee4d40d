import type { Code } from '../core/codes.ts'
import { type MeshError, stormError } from '../core/errors.ts'
import type { Phase } from '../core/outcome.ts'

/** Where it happened. */
export interface Place {
  readonly phase: Phase
  readonly service: string
  /** `address:port`. */
  readonly endpoint: string
}

/** A fault of the transport. Without a stack: one that begins at a socket event tells nothing, and these come in storms. */
export function transportError(
  code: Code,
  message: string,
  at: Place,
  hint?: string,
  cause?: unknown,
): MeshError {
  const { phase, service, endpoint } = at
  return stormError(code, `${service}: ${message}`, { layer: 'grpc', service, endpoint, phase, hint, cause })
}
