import type { Figures } from './figures.ts'

/** What one scene comes to: a row of the table and an entry of the JSON line. */
export interface Result {
  readonly name: string
  readonly held: boolean
  /** GETs and keyed POSTs. */
  readonly requests: number
  readonly failed: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly plain: { readonly sent: number; readonly failed: number; readonly executedTwice: number }
  readonly shown: string
}

export function resultOf(
  name: string,
  held: boolean,
  shown: string,
  figures: Figures,
  executedTwice: number,
): Result {
  return {
    name,
    held,
    requests: figures.user.sent,
    failed: figures.user.failed,
    p50Ms: figures.percentile(50),
    p99Ms: figures.percentile(99),
    plain: { sent: figures.plain.sent, failed: figures.plain.failed, executedTwice },
    shown,
  }
}
