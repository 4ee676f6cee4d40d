import { createHistogram } from 'node:perf_hooks'

export type Kind = 'get' | 'keyed' | 'plain'

/** What the caller of one request saw. */
export interface Answer {
  readonly kind: Kind
  readonly ms: number
  /** 0: no answer at all. */
  readonly status: number
  /** The orders instance that answered. */
  readonly by: string | undefined
  /** The stock instance that orders asked for it. */
  readonly from: string | undefined
  /** The code of the error that orders met at stock and answered without. */
  readonly without: string | undefined
  /** The pricing instance that orders asked for it. */
  readonly pricedBy: string | undefined
  /** The error that orders met at pricing and answered without. */
  readonly unpriced: string | undefined
  /** For people, when it failed. */
  readonly problem: string | undefined
}

export class Tally {
  sent = 0
  ok = 0
  failed = 0

  get inFlight(): number {
    return this.sent - this.ok - this.failed
  }
}

/** What the users saw during one scene. A request counts in the scene it was sent in. */
export class Figures {
  readonly tallies: Readonly<Record<Kind, Tally>> = {
    get: new Tally(),
    keyed: new Tally(),
    plain: new Tally(),
  }
  readonly servedBy = new Map<string, number>()
  /** Answers that did without stock, by the error orders met. */
  readonly without = new Map<string, number>()
  /** Answers that came without a price. */
  unpriced = 0
  /** The first few problems, for the report. */
  readonly problems: string[] = []
  readonly #latency = createHistogram()

  sent(kind: Kind): void {
    this.tallies[kind].sent++
  }

  add(answer: Answer): void {
    const tally = this.tallies[answer.kind]
    const ok = answer.status >= 200 && answer.status < 300
    if (ok) tally.ok++
    else tally.failed++
    if (!ok && answer.kind !== 'plain' && this.problems.length < 3) this.problems.push(problemOf(answer))
    if (ok && answer.by !== undefined) bump(this.servedBy, answer.by)
    if (ok && answer.without !== undefined) bump(this.without, answer.without)
    if (ok && answer.unpriced !== undefined && this.unpriced++ < 3)
      this.problems.push(`without a price: ${answer.unpriced}`)
    if (answer.kind !== 'plain') this.#latency.record(Math.max(1, Math.round(answer.ms * 1000)))
  }

  /** GETs and keyed POSTs together: the requests that must not fail. */
  get user(): Tally {
    const { get, keyed } = this.tallies
    const sum = new Tally()
    sum.sent = get.sent + keyed.sent
    sum.ok = get.ok + keyed.ok
    sum.failed = get.failed + keyed.failed
    return sum
  }

  get plain(): Tally {
    return this.tallies.plain
  }

  get inFlight(): number {
    return this.user.inFlight + this.plain.inFlight
  }

  /** In milliseconds, of GETs and keyed POSTs; 0 while there was none. */
  percentile(percent: number): number {
    return this.#latency.count === 0 ? 0 : this.#latency.percentile(percent) / 1000
  }

  /** The share of the answers that one instance gave. */
  share(instance: string): number {
    const all = [...this.servedBy.values()].reduce((sum, count) => sum + count, 0)
    return all === 0 ? 0 : (this.servedBy.get(instance) ?? 0) / all
  }
}

function bump(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

function problemOf({ kind, status, ms, problem }: Answer): string {
  const what = status === 0 ? 'no answer' : `answered ${status}`
  return `${kind} ${what} after ${Math.round(ms)} ms${problem === undefined ? '' : `: ${problem}`}`
}
