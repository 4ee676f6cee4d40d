import assert from 'node:assert/strict'
import { client } from '../../../src/grpc/index.ts'
import { assertInvariants } from '../invariants.ts'
import type { Cleanup } from '../process.ts'
import type { Mesh } from '../setting.ts'
import { until } from '../wait.ts'
import type { Fleet, PricingMember } from './fleet.ts'
import { closing } from './observe.ts'
import { Pricing } from './pricing.ts'
import { PricingCaller } from './pricing-caller.ts'

const RESTARTS = 10
const CALLERS = 20
/** Long enough that every server has calls of several callers at any moment, and that the processors have room. */
export const WELL = { delayMs: 60 }
export const NAMES = ['a', 'b', 'c']

export const callerOf = (t: Cleanup, mesh: Mesh, service: string, idempotent: boolean): PricingCaller =>
  new PricingCaller(closing(t, client(mesh, Pricing, service)), idempotent)

/** The callers of one roll. */
export interface Callers {
  /** Whose calls may be executed twice. */
  readonly reads: PricingCaller
  readonly writes?: PricingCaller
}

/**
 * What is begun in the very turn of the event loop in which a GOAWAY arrives grpc-js ends as a write that failed, in the
 * same words as where a connection broke: nobody can prove that it was not sent, so it is not sent again unless it may be.
 */
const UNPROVEN = /write ECANCELED/

/** Restarts all in turn while calls go on and on. */
export async function roll(
  t: Cleanup & { diagnostic(text: string): void },
  fleet: Fleet,
  members: PricingMember[],
  { reads, writes = reads }: Callers,
  restart: (member: PricingMember) => Promise<PricingMember>,
): Promise<void> {
  let rolling = true
  const load = Promise.all(
    Array.from({ length: CALLERS }, async (_, n) => {
      const caller = n % 2 === 0 ? reads : writes
      while (rolling) await caller.ask({ timeoutMs: 10_000, answerBytes: 100 })
    }),
  )
  const drains: number[] = []
  try {
    for (let n = 0; n < RESTARTS; n++) {
      const member = members[n % members.length]!
      const told = performance.now()
      const { code, signal } = await member.process.kill('SIGTERM')
      drains.push(performance.now() - told)
      assert.deepEqual([code, signal], [0, null], member.process.stderr)
      const back = await restart(member)
      members[n % members.length] = back
      // As in a deployment, one is taken only when the one before is in use again: a client leaves an address alone for a
      // second and more after it was refused (gRPC's connection back-off).
      const from = reads.seen.length
      await until(() => reads.seen.slice(from).some(({ from: name }) => name === back.name), {
        what: `calls to reach ${back.name} again`,
        withinMs: 15_000,
        everyMs: 20,
      })
    }
  } finally {
    rolling = false
    await load
  }
  const seen = writes === reads ? reads.seen : [...reads.seen, ...writes.seen]
  const executed = fleet.executed()
  const twice = [...executed.values()].filter(({ length }) => length > 1).length
  t.diagnostic(
    `${RESTARTS} restarts, ${seen.length} calls, ${reads.failures.length} failed that may be repeated, ${writes === reads ? 0 : writes.failures.length} others; ${twice} executed twice; a drain took ${Math.round(Math.min(...drains))} to ${Math.round(Math.max(...drains))} ms`,
  )
  assert.deepEqual(reads.words, [])
  assert.deepEqual(
    writes.words.filter((words) => !UNPROVEN.test(words)),
    [],
  )
  assert.ok(writes.failures.length <= 3, writes.words.join('\n'))
  assertInvariants({ seen, upstreams: [fleet.upstream()], graceMs: 2000 })
}
