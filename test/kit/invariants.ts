import assert from 'node:assert/strict'
import type { Observation } from './caller.ts'

/** What the invariants need of an upstream. */
export interface Counted {
  readonly name: string
  executions(id: string): number
}

export interface Run {
  readonly seen: readonly Observation[]
  readonly upstreams: readonly Counted[]
  /** How far past its deadline a call may end, in milliseconds; the limit is ten times the promise of 50 ms. */
  readonly graceMs?: number
}

/** Each of the ten returns what it found wrong, as sentences; none: it holds. */
export type Invariant = (run: Run) => string[]

const executionsOf = (run: Run, id: string): number =>
  run.upstreams.reduce((sum, upstream) => sum + upstream.executions(id), 0)

/** (i) A call that is not idempotent is executed at most once, and exactly once when its caller saw success. */
export const atMostOnce: Invariant = (run) =>
  run.seen
    .filter(({ idempotent }) => !idempotent)
    .flatMap((seen) => {
      const count = executionsOf(run, seen.id)
      const answered = seen.status !== undefined && seen.status < 300
      if (count > 1) return [`${seen.method} ${seen.id} was executed ${count} times`]
      if (answered && count !== 1)
        return [`${seen.method} ${seen.id} got ${seen.status} but was executed ${count} times`]
      return []
    })

/** (ii) A body that ended without an error is the whole body. */
export const noTruncation: Invariant = (run) =>
  run.seen
    .filter(({ complete }) => complete)
    .flatMap(({ id, expectedBytes, receivedBytes, corrupt }) => {
      if (corrupt === true) return [`${id}: the body is not the one that was sent`]
      if (expectedBytes !== undefined && receivedBytes !== expectedBytes)
        return [`${id}: ${receivedBytes} of ${expectedBytes} bytes, reported as complete`]
      return []
    })

/** (iii) Response N belongs to request N. */
export const rightAnswer: Invariant = (run) =>
  run.seen
    .filter(({ echoed, id }) => echoed !== undefined && echoed !== id)
    .map(({ id, echoed }) => `${id} got the answer of ${echoed}`)

/** (vi) Nothing outlives its deadline. */
export const deadlinesKept: Invariant = (run) =>
  run.seen
    .filter(({ timeoutMs, tookMs }) => timeoutMs !== undefined && tookMs > timeoutMs + (run.graceMs ?? 500))
    .map(({ id, timeoutMs, tookMs }) => `${id} took ${tookMs.toFixed(0)} ms of ${timeoutMs} ms`)

/** (ix) Whatever a request met, it met one policy version. */
export const oneVersion: Invariant = (run) =>
  run.seen
    .filter(({ versions }) => new Set(versions).size > 1)
    .map(({ id, versions }) => `${id} met the versions ${[...new Set(versions)].join(' and ')}`)

const ALWAYS: readonly Invariant[] = [atMostOnce, noTruncation, rightAnswer, deadlinesKept, oneVersion]

/** The invariants that a record of calls can show; `atRest`, `withinBudget` and `watchProcess` need more than a record. */
export function assertInvariants(run: Run): void {
  const problems = ALWAYS.flatMap((invariant) => invariant(run))
  assert.deepEqual(
    problems.slice(0, 10),
    [],
    `${problems.length} broken invariants in ${run.seen.length} calls`,
  )
}

/** The largest overrun past a deadline, in milliseconds, for the diagnostic of (vi). */
export function worstOverrun(seen: readonly Observation[]): number {
  return Math.max(
    0,
    ...seen.map(({ timeoutMs, tookMs }) => (timeoutMs === undefined ? 0 : tookMs - timeoutMs)),
  )
}

/**
 * (v) Retries stay within their budget: the ratio of the calls that were made, and a floor per second. A window's
 * floor may be spent at once, so `ttlSeconds` of it count beside the time the run took.
 */
export function withinBudget(counted: {
  readonly calls: number
  readonly executions: number
  readonly seconds: number
  readonly ratio?: number
  readonly perSecond?: number
  readonly ttlSeconds?: number
}): { readonly retries: number; readonly allowed: number } {
  const { ratio = 0.2, perSecond = 3, ttlSeconds = 10 } = counted
  const retries = counted.executions - counted.calls
  const allowed = ratio * counted.calls + perSecond * (counted.seconds + ttlSeconds)
  assert.ok(retries <= allowed, `${retries} retries of ${counted.calls} calls, allowed ${allowed.toFixed(1)}`)
  return { retries, allowed }
}

/** What keeps the process busy, counted by kind; `PipeWrap` and the like of the test runner included. */
export function activeResources(): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}

/** (iv) Kinds of which there are more than before: sockets and timers that somebody forgot. */
export function leftOver(
  before: Readonly<Record<string, number>>,
  kinds: readonly string[] = ['TCPSocketWrap', 'TCPServerWrap', 'Timeout', 'TCPConnectWrap', 'FSEventWrap'],
): string[] {
  const now = activeResources()
  return kinds
    .filter((kind) => (now[kind] ?? 0) > (before[kind] ?? 0))
    .map((kind) => `${kind}: ${before[kind] ?? 0} before, ${now[kind]} now`)
}

/** (x) Nothing reaches the process's last resort. Returns the removal, which also gives what was caught. */
export function watchProcess(): () => unknown[] {
  const caught: unknown[] = []
  const keep = (error: unknown): void => void caught.push(error)
  process.on('unhandledRejection', keep)
  process.on('uncaughtExceptionMonitor', keep)
  return () => {
    process.off('unhandledRejection', keep)
    process.off('uncaughtExceptionMonitor', keep)
    return caught
  }
}
