import type { PolicyPiece } from '../core/piece.ts'
import { duration, fields, numberBetween, orFalse, percent, wholeNumber } from '../core/units.ts'

/** When an endpoint leaves the balancer's set, and for how long. Times in milliseconds, ratios as fractions. */
export interface OutlierParams {
  /** Failures in a row that eject. */
  readonly consecutiveFailures: number
  /** The first ejection; each failed probe doubles it. */
  readonly baseEjection: number
  readonly maxEjection: number
  /** Up to this share of the ejection is added to it at random. */
  readonly jitter: number
  /** How much of the known endpoints may be ejected; one always may where there are two. */
  readonly maxEjectedPercent: number
  /** Below this share of available endpoints, ejection is ignored and all are used. */
  readonly panicThreshold: number
}

export const outlierSchema = orFalse(
  fields({
    consecutiveFailures: wholeNumber(1, 1000).optional(),
    baseEjection: duration().optional(),
    maxEjection: duration().optional(),
    jitter: numberBetween(0, 1).optional(),
    maxEjectedPercent: percent().optional(),
    panicThreshold: percent().optional(),
  }),
  'the fields of outlier',
)

/** `outlier`: per client process; on by default, `false` switches it off. */
export const outlierPiece: PolicyPiece<OutlierParams | false> = {
  key: 'outlier',
  scope: 'service',
  schema: outlierSchema,
  defaults: {
    consecutiveFailures: 5,
    baseEjection: 1_000,
    maxEjection: 60_000,
    jitter: 0.5,
    maxEjectedPercent: 0.5,
    panicThreshold: 0.5,
  },
}
