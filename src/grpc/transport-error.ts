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

/** The system's own word for a failure, as the cause of an error: `code` is `ECONNREFUSED` and its like. */
export class SystemError extends Error {
  override readonly name: string = 'SystemError'
  readonly code: string

  constructor(code: string, text: string) {
    super(text)
    this.code = code
  }
}

const SYSTEM = /\bE(?!RR)(?:AI_)?[A-Z0-9]{3,}\b/

/** grpc-js passes on texts alone: what of the system is in one, once for all who are told. */
export function systemCause(text: string): SystemError | undefined {
  const code = SYSTEM.exec(text)?.[0]
  return code === undefined ? undefined : new SystemError(code, text)
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
