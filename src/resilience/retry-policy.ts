import { z } from 'zod'
import type { BackoffParams } from '../core/backoff.ts'
import { GRPC_STATUS_NAMES, type GrpcStatusName } from '../core/grpc-status.ts'
import type { Condition } from '../core/outcome.ts'
import type { PolicyPiece } from '../core/piece.ts'
import {
  bytes,
  duration,
  fields,
  numberBetween,
  oneOf,
  orFalse,
  percent,
  wholeNumber,
} from '../core/units.ts'
import { type BudgetParams, DEFAULT_BUDGET } from './budget.ts'

export type RetryOn = Condition | GrpcStatusName

export interface RetryParams {
  /** Attempts after the first. */
  readonly limit: number
  /**
   * Conditions, for calls that may be executed twice; and names of gRPC statuses, which are the author's word that
   * calls ending so may be sent again, idempotent or not (gRFC A6's retryableStatusCodes).
   */
  readonly retryOn: readonly RetryOn[]
  /** How long one attempt may take from `sent` to its head, in milliseconds; undefined: as long as the call. */
  readonly tryTimeout?: number | undefined
  readonly backoff: BackoffParams
  /** How much of a request body is kept to send it again, in bytes; undefined: 64 KiB for HTTP, 1 MiB for gRPC. */
  readonly maxBody?: number | undefined
  readonly budget: BudgetParams
}

const RETRYABLE = [
  'connect-failure',
  'refused-stream',
  'reset',
  'gateway-error',
  '5xx',
  'rate-limited',
  'try-timeout',
] as const satisfies readonly Condition[]

const WHAT = 'an object with limit, retryOn, tryTimeout, backoff and maxBody'

const shape = {
  limit: wholeNumber(0, 10),
  retryOn: z.array(oneOf([...RETRYABLE, ...GRPC_STATUS_NAMES])),
  tryTimeout: duration(),
  backoff: fields({ base: duration(), max: duration() }).partial(),
  maxBody: bytes(16 * 1024 * 1024),
}
const budget = fields({
  ratio: percent(),
  minPerSecond: numberBetween(0, 1000),
  ttl: duration(1000),
}).partial()

export const retrySchema = orFalse(fields({ ...shape, budget }).partial(), `${WHAT}, and budget`)
export const routeRetrySchema = orFalse(fields(shape).partial(), `${WHAT} (budget belongs to the service)`)

/** `retry`. False: nothing but transparent retries of what provably never left. `budget` is shared by a service's routes. */
export const retryPiece: PolicyPiece<RetryParams | false> = {
  key: 'retry',
  scope: 'route',
  schema: retrySchema,
  routeSchema: routeRetrySchema,
  defaults: {
    limit: 2,
    retryOn: ['connect-failure', 'refused-stream', 'reset', 'gateway-error'],
    backoff: { base: 25, max: 250 },
    budget: DEFAULT_BUDGET,
  },
  traits: (params) => ({ replayBytes: params === false ? 0 : params.maxBody }),
}

/** What the names cover beyond themselves, as in Envoy (SEMANTICS 2.1.8). */
const COVERS: Partial<Record<Condition, readonly Condition[]>> = {
  '5xx': ['gateway-error', 'reset', 'connect-failure', 'refused-stream', 'try-timeout'],
  'gateway-error': ['try-timeout'],
}

export function covered(on: readonly RetryOn[]): ReadonlySet<Condition> {
  return new Set(on.filter(isCondition).flatMap((condition) => [condition, ...(COVERS[condition] ?? [])]))
}

const CONDITIONS: ReadonlySet<RetryOn> = new Set(RETRYABLE)

function isCondition(on: RetryOn): on is Condition {
  return CONDITIONS.has(on)
}

/** The gRPC statuses among them; undefined where none is named, which is the usual case. */
export function named(on: readonly RetryOn[]): ReadonlySet<GrpcStatusName> | undefined {
  const statuses = on.filter((one) => !isCondition(one))
  return statuses.length === 0 ? undefined : new Set(statuses)
}
