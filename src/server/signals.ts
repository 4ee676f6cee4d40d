import type { Runtime } from '../core/runtime.ts'

/** How long a process that has nothing left to do may take to notice, in milliseconds. */
const LEAVE_MS = 1000

type Listener = (signal: NodeJS.Signals) => void
const ours = new Set<Listener>()

/** The part of `process` that is needed here; tests bring their own. */
export interface SignalTarget {
  on(signal: NodeJS.Signals, listener: Listener): unknown
  removeListener(signal: NodeJS.Signals, listener: Listener): unknown
  listeners(signal: NodeJS.Signals): readonly unknown[]
  exit(): void
  exitCode?: number | string | null | undefined
}

/**
 * Shuts the mesh down when one of the signals arrives; a second one changes nothing, the grace bounds it.
 *
 * Listening takes away the signal's default, so the process is ended here once the mesh is closed, with exit code 0
 * unless somebody set another: by itself if nothing is left to do, else after a second. Where others listen to the
 * signal too, ending is theirs.
 *
 * @returns stops listening
 */
export function shutdownOn(
  runtime: Runtime,
  signals: readonly NodeJS.Signals[],
  graceMs: number | undefined,
  target: SignalTarget = process,
): () => void {
  let begun = false
  const listener: Listener = (signal) => {
    if (begun) return
    begun = true
    const alone = target.listeners(signal).every((other) => ours.has(other as Listener))
    target.exitCode ??= 0
    runtime
      .shutdown({ graceMs })
      .catch((error: unknown) => {
        target.exitCode = 1
        runtime.log.error('the mesh did not shut down in order', { error })
      })
      .then(() => {
        if (alone) runtime.clock.background(LEAVE_MS, () => target.exit())
      })
  }
  ours.add(listener)
  for (const signal of signals) target.on(signal, listener)
  return () => {
    // While it shuts down the signal must not fall back to its default, or a repetition would cut the drain.
    if (begun) return
    ours.delete(listener)
    for (const signal of signals) target.removeListener(signal, listener)
  }
}
