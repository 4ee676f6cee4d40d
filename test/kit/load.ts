/** One driven call. Latency runs from when it was meant to start, so a stalled client cannot hide behind its own stall. */
export interface Timed<R> {
  readonly number: number
  readonly intendedMs: number
  readonly endedMs: number
  readonly latencyMs: number
  readonly value?: R
  readonly error?: unknown
}

export interface Driven<R> {
  readonly results: readonly Timed<R>[]
  readonly seconds: number
  readonly failed: number
  /** Milliseconds. @param fraction 0.99 for p99 */
  percentile(fraction: number): number
}

/** Arrivals at a fixed rate, whatever the answers do. */
export async function openLoop<R>(
  options: { readonly perSecond: number; readonly forMs: number },
  call: (number: number) => Promise<R>,
): Promise<Driven<R>> {
  const startedMs = performance.now()
  const total = Math.floor((options.perSecond * options.forMs) / 1000)
  const running: Promise<Timed<R>>[] = []
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const due = Math.min(total, Math.ceil(((performance.now() - startedMs) * options.perSecond) / 1000))
      while (running.length < due) {
        const number = running.length
        running.push(timed(number, startedMs + (number * 1000) / options.perSecond, call))
      }
      if (running.length < total) return
      clearInterval(timer)
      resolve()
    }, 1)
  })
  return driven(await Promise.all(running), startedMs)
}

/** A fixed number of callers, each starting its next call when its last has ended. */
export async function closedLoop<R>(
  options:
    | { readonly callers: number; readonly calls: number }
    | { readonly callers: number; readonly forMs: number },
  call: (number: number) => Promise<R>,
): Promise<Driven<R>> {
  const startedMs = performance.now()
  const results: Timed<R>[] = []
  let next = 0
  const more = (): boolean =>
    'calls' in options ? next < options.calls : performance.now() - startedMs < options.forMs
  const caller = async (): Promise<void> => {
    while (more()) results.push(await timed(next++, performance.now(), call))
  }
  await Promise.all(Array.from({ length: options.callers }, caller))
  return driven(results, startedMs)
}

async function timed<R>(
  number: number,
  intendedMs: number,
  call: (number: number) => Promise<R>,
): Promise<Timed<R>> {
  try {
    const value = await call(number)
    return { number, intendedMs, ...ended(intendedMs), value }
  } catch (error) {
    return { number, intendedMs, ...ended(intendedMs), error }
  }
}

function ended(intendedMs: number): { endedMs: number; latencyMs: number } {
  const endedMs = performance.now()
  return { endedMs, latencyMs: endedMs - intendedMs }
}

function driven<R>(results: readonly Timed<R>[], startedMs: number): Driven<R> {
  const sorted = results.map(({ latencyMs }) => latencyMs).sort((a, b) => a - b)
  return {
    results,
    seconds: (performance.now() - startedMs) / 1000,
    failed: results.filter((result) => 'error' in result).length,
    percentile: (fraction) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? 0,
  }
}
