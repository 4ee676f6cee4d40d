import { Metadata, type StatusObject } from '@grpc/grpc-js'
import { CODES, type CodeEntry } from '../core/codes.ts'
import { type AttemptReport, isMeshError, type MeshError } from '../core/errors.ts'
import { type GrpcStatus, grpcCode, httpOfGrpc } from '../core/grpc-status.ts'

/** Details travel in a header: nobody is served by more than this. */
const MAX_DETAILS = 1000
/** Beyond it what became of attempts is read from the cause. */
const MAX_TRAIL = 5
const NOT_PRINTABLE = /[^ -~]+/g
const UNKNOWN = grpcCode('UNKNOWN')

/** A status that says which error of the mesh it was made of; grpc-js puts `cause` on the error the application gets. */
export interface FaultStatus extends StatusObject {
  readonly cause: MeshError
}

/**
 * What a gRPC handler answers with where it failed because of this error: `callback(statusOf(error))`.
 *
 * - an error of the mesh (also of `mesh.fetch`): the code of docs/errors.md and a sentence that says what was tried;
 * - an error of a gRPC call, or a status: the same code, details and metadata;
 * - anything else: UNKNOWN with its message, as grpc-js itself does.
 */
export function statusOf(error: unknown): StatusObject {
  if (isMeshError(error)) return faultStatus(error)
  const { code, details, message, metadata } = asStatus(error)
  const said = typeof details === 'string' ? details : typeof message === 'string' ? message : String(error)
  return {
    code: isCode(code) ? code : UNKNOWN,
    details: said,
    metadata: metadata instanceof Metadata ? metadata : new Metadata(),
  }
}

/**
 * The HTTP status that says the same: of a gRPC code as google/rpc/code.proto maps it, of an error of a gRPC call by its
 * code, of an error of the mesh by docs/errors.md; anything else is 500.
 */
export function httpStatusOf(error: unknown): number {
  if (typeof error === 'number') return httpOfGrpc(error)
  if (isMeshError(error)) return (CODES[error.code] as CodeEntry | undefined)?.http ?? 500
  const { code } = asStatus(error)
  return isCode(code) ? httpOfGrpc(code) : 500
}

export function faultStatus(error: MeshError): FaultStatus {
  // An error of another copy of the package may have a code this one does not know.
  const status = (CODES[error.code] as CodeEntry | undefined)?.grpc ?? 'UNKNOWN'
  return {
    code: grpcCode(status as GrpcStatus),
    details: detailsOf(error),
    metadata: new Metadata(),
    cause: error,
  }
}

/** One line: what happened, what was tried, what to do. */
function detailsOf({ message, endpoint, attempts, hint }: MeshError): string {
  const stop = /[.?!]$/.test(message) ? '' : '.'
  const line = `${message}${stop}${trailOf(attempts, endpoint)} ${hint}`.replace(NOT_PRINTABLE, (run) =>
    run.trim() === '' ? ' ' : '?',
  )
  return line.length <= MAX_DETAILS ? line : `${line.slice(0, MAX_DETAILS - 3)}...`
}

/** What the message does not say yet: nothing where there was one attempt, their number where all were alike. */
function trailOf(attempts: readonly AttemptReport[], told: string | undefined): string {
  if (attempts.length < 2) return ''
  const times = new Map<string, number>()
  for (const { endpoint = 'no endpoint', phase, cause } of attempts) {
    const what = `${endpoint} ${phase} ${cause}`
    times.set(what, (times.get(what) ?? 0) + 1)
  }
  if (times.size === 1 && attempts[0]?.endpoint === told) return ` All ${attempts.length} attempts ended so.`
  const parts = [...times].map(([what, n]) => (n === 1 ? what : `${n} times ${what}`))
  const more = parts.length > MAX_TRAIL ? ` and ${parts.length - MAX_TRAIL} others` : ''
  return ` Attempts: ${parts.slice(0, MAX_TRAIL).join(', ')}${more}.`
}

interface MaybeStatus {
  readonly code?: unknown
  readonly details?: unknown
  readonly message?: unknown
  readonly metadata?: unknown
}

const NOTHING: MaybeStatus = Object.freeze({})

const asStatus = (error: unknown): MaybeStatus =>
  typeof error === 'object' && error !== null ? (error as MaybeStatus) : NOTHING

const isCode = (code: unknown): code is number =>
  typeof code === 'number' && Number.isInteger(code) && code >= 0 && code <= 16
