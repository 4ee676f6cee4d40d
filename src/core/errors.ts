import { CODES, type Code } from './codes.ts'
import type { Phase } from './outcome.ts'

/** What became of one attempt, in the order they were made. */
export interface AttemptReport {
  readonly endpoint: string | undefined
  readonly phase: Phase
  /** From the start of the attempt to its end, in milliseconds. */
  readonly ms: number
  /** The transport's error code, an HTTP status or a tulle code. */
  readonly cause: string
}

export interface MeshErrorDetails {
  readonly layer?: string | undefined
  readonly service?: string | undefined
  readonly endpoint?: string | undefined
  readonly phase?: Phase | undefined
  readonly policyVersion?: string | undefined
  /** What to do, where this place knows better than the code's general advice. */
  readonly hint?: string | undefined
  readonly cause?: unknown
}

const BRAND = Symbol.for('tulle.error.v1')

/**
 * The one error of tulle. A `TypeError`, because that is what `fetch` rejects with, so code written for fetch keeps
 * working. Recognise it with `isMeshError`, which also knows errors of a second copy of the package.
 */
export class MeshError extends TypeError {
  override readonly name: string = 'MeshError'
  readonly code: Code
  /** The layer or room that made the error. */
  readonly layer: string | undefined
  readonly service: string | undefined
  /** `address:port` of the endpoint concerned. */
  readonly endpoint: string | undefined
  readonly phase: Phase | undefined
  /** The attempts that were made, oldest first; empty for refusals made before any. */
  attempts: readonly AttemptReport[] = []
  policyVersion: string | undefined
  readonly hint: string

  constructor(code: Code, message: string, details: MeshErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.layer = details.layer
    this.service = details.service
    this.endpoint = details.endpoint
    this.phase = details.phase
    this.policyVersion = details.policyVersion
    this.hint = details.hint ?? CODES[code].hint
  }

  /** One of our own layers said no: not retried and not charged to any peer. */
  get refusal(): boolean {
    return CODES[this.code].refusal
  }

  toJSON(): object {
    const { name, code, message, layer, service, endpoint, phase, attempts, policyVersion, hint } = this
    return { name, code, message, layer, service, endpoint, phase, attempts, policyVersion, hint }
  }
}

Object.defineProperty(MeshError.prototype, BRAND, { value: true })

export function isMeshError(error: unknown): error is MeshError {
  return typeof error === 'object' && error !== null && (error as Record<symbol, unknown>)[BRAND] === true
}

/**
 * A MeshError without a stack, for refusals that come in storms: under overload a stack costs more than the
 * refusal saves.
 */
export function stormError(code: Code, message: string, details: MeshErrorDetails = {}): MeshError {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return new MeshError(code, message, details)
  } finally {
    Error.stackTraceLimit = limit
  }
}
