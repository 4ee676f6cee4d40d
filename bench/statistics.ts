/** Numbers about numbers. Empty input gives NaN, which no table hides. */

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length % 2 === 1) return sorted[middle] ?? Number.NaN
  return ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2
}

/** By nearest rank. @param fraction from 0 to 1 */
export function percentile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * fraction) - 1)] ?? Number.NaN
}

/**
 * A percentile that most windows have: the median of theirs. One window in which somebody else had the machine, or a
 * hiccup made a client open hundreds of connections, says nothing about the others.
 */
export const typical = (windows: readonly (readonly number[])[], fraction: number): number =>
  median(windows.map((values) => percentile(values, fraction)))

/** What an arm costs more than another, and how much two equal arms differ. */
export interface Effect {
  readonly added: number
  readonly ratio: number
  /** NaN where nothing equal was measured. */
  readonly spread: number
  /** Whether the difference is larger than that of equals. */
  readonly certain: boolean
}

/** By medians: extremes belong to whoever else used the machine. */
export function effectOf(
  arm: readonly number[],
  reference: readonly number[],
  equals: readonly [readonly number[], readonly number[]] | undefined,
): Effect {
  const added = median(arm) - median(reference)
  const spread = equals === undefined ? Number.NaN : spreadOf(...equals)
  return { added, ratio: median(arm) / median(reference), spread, certain: Math.abs(added) > spread }
}

/**
 * How far two equal arms are apart: their medians, or half the range within which the differences of their windows lie
 * (windows of one place in the turn are a pair), whichever is more. The outer eighths of the differences are left out.
 */
export function spreadOf(a: readonly number[], again: readonly number[]): number {
  const differences = a.slice(0, again.length).map((value, n) => (again[n] ?? Number.NaN) - value)
  const range = percentile(differences, 0.875) - percentile(differences, 0.125)
  return Math.max(Math.abs(median(again) - median(a)), range / 2)
}
