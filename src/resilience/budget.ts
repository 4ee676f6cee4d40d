import type { Slot } from '../core/service.ts'

export interface BudgetParams {
  /** Retries allowed per request, as a fraction. */
  readonly ratio: number
  /** Retries allowed per second whatever the load, so that a quiet service may retry at all. */
  readonly minPerSecond: number
  /** How far back it looks, in milliseconds. */
  readonly ttl: number
}

export const DEFAULT_BUDGET: BudgetParams = { ratio: 0.2, minPerSecond: 3, ttl: 10_000 }

const BUCKETS = 10

/**
 * The rate model of Linkerd and tower (SEMANTICS 2.2): over a sliding window of `ttl`, retries stay within
 * `ratio × requests + minPerSecond × ttl`. Requests that are not retries deposit; a retry withdraws. Over any stretch
 * of time T that makes at most `ratio × requests + minPerSecond × (T + ttl)` retries.
 *
 * Only counts are kept, so that other parameters apply to what has already been counted.
 */
export class Budget {
  #params: BudgetParams
  #widthMs: number
  #latest = Number.NEGATIVE_INFINITY
  /** Where the latest bucket is kept. */
  #index = 0
  readonly #deposits = new Float64Array(BUCKETS)
  readonly #withdrawals = new Float64Array(BUCKETS)
  #deposited = 0
  #withdrawn = 0

  constructor(params: BudgetParams = DEFAULT_BUDGET) {
    this.#params = params
    this.#widthMs = params.ttl / BUCKETS
  }

  /** One request that is not a retry. */
  deposit(nowMs: number): void {
    this.#deposits[this.#bucket(nowMs)]! += 1
    this.#deposited++
  }

  /** Asks for one retry; true: it is granted and charged. */
  withdraw(nowMs: number): boolean {
    const bucket = this.#bucket(nowMs)
    if (this.balance(nowMs) < 1 - ROUNDING) return false
    this.#withdrawals[bucket]! += 1
    this.#withdrawn++
    return true
  }

  /** How many retries would be granted now; may be a fraction, and below zero after a stricter policy. */
  balance(nowMs: number): number {
    this.#bucket(nowMs)
    const { ratio, minPerSecond, ttl } = this.#params
    return ratio * this.#deposited + (minPerSecond * ttl) / 1000 - this.#withdrawn
  }

  /** New parameters. With another `ttl` the counts are spread evenly over the new window, their rates kept. */
  adopt(params: BudgetParams): void {
    if (params.ttl !== this.#params.ttl) {
      const share = params.ttl / this.#params.ttl / BUCKETS
      this.#deposits.fill(this.#deposited * share)
      this.#withdrawals.fill(this.#withdrawn * share)
      this.#deposited *= share * BUCKETS
      this.#withdrawn *= share * BUCKETS
      const widthMs = params.ttl / BUCKETS
      this.#latest = Math.ceil(((this.#latest + 1) * this.#widthMs) / widthMs) - 1
      this.#index = modulo(this.#latest)
      this.#widthMs = widthMs
    }
    this.#params = params
  }

  /** The bucket of this moment, after dropping those that have left the window. */
  #bucket(nowMs: number): number {
    const current = Math.floor(nowMs / this.#widthMs)
    if (current > this.#latest) {
      const first = Math.max(this.#latest + 1, current - BUCKETS + 1)
      for (let n = first; n <= current; n++) this.#drop(modulo(n))
      this.#latest = current
      this.#index = modulo(current)
    }
    return this.#index
  }

  #drop(bucket: number): void {
    this.#deposited -= this.#deposits[bucket]!
    this.#withdrawn -= this.#withdrawals[bucket]!
    this.#deposits[bucket] = 0
    this.#withdrawals[bucket] = 0
  }
}

/** 0.2 × 5 is not always 1. */
const ROUNDING = 1e-6

/** Monotonic clocks may begin below zero. */
const modulo = (n: number): number => ((n % BUCKETS) + BUCKETS) % BUCKETS

/** One per destination, shared by its routes and protocols; outlives policies. */
export const budgetOf: Slot<Budget> = { name: 'retry-budget', make: () => new Budget() }
