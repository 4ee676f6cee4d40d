import type { Clock, Logger } from '../core/ports.ts'
import type { DrainingServer } from '../core/runtime.ts'

/** What a drain needs to know; times in milliseconds. */
export interface DrainPlan {
  readonly clock: Clock
  readonly log: Pick<Logger, 'warn'>
  /** Read at each step: a server that comes late is drained as well. */
  readonly servers: Iterable<DrainingServer>
  /** Takes this instance out of the registries it is in. */
  readonly deregister: readonly (() => Promise<void>)[]
  /** How long callers take to learn of it: 0 without a registry, 5 s with one. */
  readonly propagationMs: number
  /** How long requests in flight may take, counted from the end of the propagation. */
  readonly graceMs: number
  /** Has the gate refuse what still arrives. */
  refuse(): void
}

/** A registry that does not answer must not keep a process from ending in peace. */
const DEREGISTER_MS = 2000

/**
 * Brings a serving process to rest without losing a request (SEMANTICS 2.29): deregister; announce while still serving
 * all that arrives; wait until callers know; stop accepting and let what is in flight end; and only when the grace is
 * over refuse and cut. Never rejects.
 */
export async function drain(plan: DrainPlan): Promise<void> {
  await within(
    plan.clock,
    DEREGISTER_MS,
    Promise.all(plan.deregister.map((leave) => deregistered(leave, plan.log))),
  )
  for (const server of plan.servers) server.announce()
  if (plan.propagationMs > 0) await wait(plan.clock, plan.propagationMs)
  const grace = new AbortController()
  const disarm = plan.clock.after(plan.graceMs, () => grace.abort())
  await Promise.all([...plan.servers].map((server) => finished(server, grace.signal, plan.log)))
  disarm()
  plan.refuse()
  for (const server of plan.servers) server.destroy()
}

async function deregistered(leave: () => Promise<void>, log: DrainPlan['log']): Promise<void> {
  try {
    await leave()
  } catch (error) {
    log.warn('could not deregister; callers will notice by themselves', { error })
  }
}

async function finished(server: DrainingServer, signal: AbortSignal, log: DrainPlan['log']): Promise<void> {
  try {
    await server.finish(signal)
  } catch (error) {
    log.warn('a server did not come to rest; it will be cut', { server: server.name, error })
  }
}

function wait(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve)
  })
}

function within(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const disarm = clock.after(ms, resolve)
    work.then(() => {
      disarm()
      resolve()
    })
  })
}
