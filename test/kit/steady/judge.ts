import type { Left } from './left.ts'

/** One look at both processes, with no call in flight. */
export interface Look {
  readonly calls: number
  readonly seconds: number
  readonly cpuSeconds: number
  /** Exported so far. */
  readonly spans: number
  /** On the signal that many calls have in common. */
  readonly listeners: number
  readonly caller: Left
  readonly server: Left
}

/**
 * Bytes that each call leaves behind: the slope of what is held over the calls, by least squares. Code that is compiled
 * and pages half full move single looks by a hundred kilobytes; they do not move all of them upwards.
 */
export function growth(looks: readonly Look[], held: (look: Look) => number): number {
  const mean = (of: (look: Look) => number): number =>
    looks.reduce((sum, look) => sum + of(look), 0) / looks.length
  const calls = mean((look) => look.calls)
  const bytes = mean(held)
  const product = mean((look) => (look.calls - calls) * (held(look) - bytes))
  return product / mean((look) => (look.calls - calls) ** 2)
}

/** A file that is being read, and what is to be done in this turn of the loop: they come and go by themselves. */
const PASSING = /^FSReq|^Immediate$/

/**
 * Of what there is more than before: sockets, timers, servers, and listeners on the process.
 *
 * @param sockets so many connections may be open, however many there were
 */
export function more(before: Left, now: Left, sockets = 0): string[] {
  const found: string[] = []
  const compare = (what: string, had: number, has: number): void => {
    if (has > had) found.push(`${what}: ${had}, then ${has}`)
  }
  for (const [kind, has] of Object.entries(now.resources)) {
    if (PASSING.test(kind)) continue
    const had = before.resources[kind] ?? 0
    compare(kind, kind === 'TCPSocketWrap' ? Math.max(had, sockets) : had, has)
  }
  const others = now.handles - (now.resources.TCPSocketWrap ?? 0)
  compare('handles', before.handles, sockets === 0 ? now.handles : others)
  compare('listeners', before.listeners, now.listeners)
  return found
}
