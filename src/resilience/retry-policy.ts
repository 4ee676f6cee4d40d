import { z } from 'zod'
import type { BackoffParams } from '../core/backoff.ts'
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

export interface RetryParams {
  /** Attempts after the first. */
  readonly limit: number
  readonly retryOn: readonly Condition[]
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
  retryOn: z.array(oneOf(RETRYABLE)),
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

export function covered(conditions: readonly Condition[]): ReadonlySet<Condition> {
  return new Set(conditions.flatMap((condition) => [condition, ...(COVERS[condition] ?? [])]))
}
