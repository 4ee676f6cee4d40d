import type { Random } from './ports.ts'

export interface BackoffParams {
  /** In milliseconds. */
  readonly base: number
  readonly max: number
}

/**
 * How long to wait after `n` failures in a row, so before retry `n` (from 1): full jitter, uniform in
 * [0, min(base × 2^(n−1), max)), as in Envoy's backoff_strategy.cc.
 */
export function backoffMs(n: number, { base, max }: BackoffParams, random: Random): number {
  return random() * Math.min(base * 2 ** (n - 1), max)
}
